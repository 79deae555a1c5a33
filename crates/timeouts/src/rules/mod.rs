//! The rules, one a file, named for the defect.

mod az_rebalancing_cuts_connections;
mod bake_shorter_than_drain;
mod bake_times_beyond_limit;
mod balancer_overrides_cors;
mod certificate_refused;
mod circuit_breaker_trips_late;
mod client_keep_alive_out_of_range;
mod cluster_without_failover;
mod container_port_mismatch;
mod cors_wildcard_with_credentials;
mod cross_origin_polling_without_https;
mod deploy_longer_than_its_limit;
mod deployment_cannot_progress;
mod deregistration_delay_out_of_range;
mod deregistration_delay_too_short;
mod desired_count_with_autoscaling;
mod early_success_unguarded;
mod express_mode_rolls_back;
mod fargate_size_unknown;
mod fargate_spot;
mod file_store_on_fargate;
mod fixed_name_blocks_replacement;
mod grace_period_too_short;
mod group_stickiness_outlives_bake;
mod hasty_ejection;
mod headers_timeout_not_above_keep_alive;
mod health_check_out_of_range;
mod health_check_path_unserved;
mod health_check_timeout_not_below_interval;
mod idle_timeout_below_ping_timeout;
mod idle_timeout_not_above_ping_interval;
mod idle_timeout_out_of_range;
mod keep_alive_not_above_idle_timeout;
mod many_tasks_without_shared_store;
mod name_malformed;
mod name_too_long;
mod no_circuit_breaker;
mod no_deployment_alarm;
mod no_tls;
mod polling_without_stickiness;
mod protocol_version_not_http1;
mod proxy_in_front_shorter_than_ping;
mod security_group_closed;
mod service_not_after_listener;
mod slow_dead_peer_detection;
mod slow_ejection;
mod socket_path_unrouted;
mod spoofable_client_address;
mod stickiness_out_of_range;
mod stickiness_shorter_than_poll;
mod stickiness_too_long;
mod sticky_without_cross_zone;
mod stop_timeout_not_above_drain;
mod stop_timeout_out_of_range;
mod store_engine_too_old;
mod store_evicts;
mod store_loses_on_failover;
mod store_protocol_mismatch;
mod store_shards_uneven;
mod target_optimizer_with_sockets;
mod target_type_not_ip;
mod task_zones_outside_balancer;
mod too_few_zones;
mod too_many_connections_for_memory;
mod too_many_connections_for_nofile;
mod traffic_shift_without_group_stickiness;
mod unknown_attribute;
mod upgrade_timeout_above_idle_timeout;
mod waf_blocks_plugins;
mod weighted_forward_without_group_stickiness;

pub use slow_dead_peer_detection::silent_network_lateness;

use crate::rule::Rule;

/// What a rule's file is written with.
mod prelude {
    pub(super) use std::time::Duration;

    pub(super) use crate::Setting::{self, *};
    pub(super) use crate::facts::*;
    pub(super) use crate::logic::*;
    pub(super) use crate::reading::{NotSeen, Reading, Seen, Sight};
    pub(super) use crate::rule::Level::{Error, Warning};
    pub(super) use crate::rule::{Rule, Topic, Verdict, Violation};
    pub(super) use crate::sources::*;
    pub(super) use crate::value::{Value, seconds};
}

/// Builds the catalogue. The modules themselves are declared one a line: rustfmt finds no others.
macro_rules! catalogue {
    ($($module:ident),+ $(,)?) => {
        /// All rules, sorted by name.
        pub static RULES: &[Rule] = &[$($module::RULE),+];
    };
}

catalogue![
    az_rebalancing_cuts_connections,
    bake_shorter_than_drain,
    bake_times_beyond_limit,
    balancer_overrides_cors,
    certificate_refused,
    circuit_breaker_trips_late,
    client_keep_alive_out_of_range,
    cluster_without_failover,
    container_port_mismatch,
    cors_wildcard_with_credentials,
    cross_origin_polling_without_https,
    deploy_longer_than_its_limit,
    deployment_cannot_progress,
    deregistration_delay_out_of_range,
    deregistration_delay_too_short,
    desired_count_with_autoscaling,
    early_success_unguarded,
    express_mode_rolls_back,
    fargate_size_unknown,
    fargate_spot,
    file_store_on_fargate,
    fixed_name_blocks_replacement,
    grace_period_too_short,
    group_stickiness_outlives_bake,
    hasty_ejection,
    headers_timeout_not_above_keep_alive,
    health_check_out_of_range,
    health_check_path_unserved,
    health_check_timeout_not_below_interval,
    idle_timeout_below_ping_timeout,
    idle_timeout_not_above_ping_interval,
    idle_timeout_out_of_range,
    keep_alive_not_above_idle_timeout,
    many_tasks_without_shared_store,
    name_malformed,
    name_too_long,
    no_circuit_breaker,
    no_deployment_alarm,
    no_tls,
    polling_without_stickiness,
    protocol_version_not_http1,
    proxy_in_front_shorter_than_ping,
    security_group_closed,
    service_not_after_listener,
    slow_dead_peer_detection,
    slow_ejection,
    socket_path_unrouted,
    spoofable_client_address,
    stickiness_out_of_range,
    stickiness_shorter_than_poll,
    stickiness_too_long,
    sticky_without_cross_zone,
    stop_timeout_not_above_drain,
    stop_timeout_out_of_range,
    store_engine_too_old,
    store_evicts,
    store_loses_on_failover,
    store_protocol_mismatch,
    store_shards_uneven,
    target_optimizer_with_sockets,
    target_type_not_ip,
    task_zones_outside_balancer,
    too_few_zones,
    too_many_connections_for_memory,
    too_many_connections_for_nofile,
    traffic_shift_without_group_stickiness,
    unknown_attribute,
    upgrade_timeout_above_idle_timeout,
    waf_blocks_plugins,
    weighted_forward_without_group_stickiness,
];

/// The rules that look at what this project's own server has and others have not: its store, and
/// what its connections were measured to take.
pub const OWN_SERVER: [&str; 6] = [
    "file-store-on-fargate",
    "many-tasks-without-shared-store",
    "store-engine-too-old",
    "store-evicts",
    "store-loses-on-failover",
    "too-many-connections-for-memory",
];

/// The rule of this name.
///
/// ```
/// assert!(timeouts::rule("idle-timeout-out-of-range").is_some());
/// assert!(timeouts::rule("no-such-rule").is_none());
/// ```
#[must_use]
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

#[cfg(test)]
mod cases;
