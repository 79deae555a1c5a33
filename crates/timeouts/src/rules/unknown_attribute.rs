//! AWS takes the attribute keys that it knows.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "unknown-attribute",
    topic: Topic::Shape,
    levels: &[Error, Warning],
    summary: "AWS does not know this attribute",
    breaks: "The deployment fails after minutes with `key not recognized`. A misspelt key also \
             means that what it was to set is not set.",
    holds: "load balancer and target group attributes are known keys, 20 at most",
    fix: "correct the key",
    sources: &[ALB_ATTRIBUTES, TARGET_ATTRIBUTES],
    settings: &[LoadBalancerAttribute, TargetGroupAttribute],
    check,
};

/// Keys of load balancers, without those for Gateway Load Balancers alone.
const LOAD_BALANCER: &[&str] = &[
    "access_logs.s3.bucket",
    "access_logs.s3.enabled",
    "access_logs.s3.prefix",
    "client_keep_alive.seconds",
    "connection_logs.s3.bucket",
    "connection_logs.s3.enabled",
    "connection_logs.s3.prefix",
    "deletion_protection.enabled",
    "dns_record.client_routing_policy",
    "health_check_logs.s3.bucket",
    "health_check_logs.s3.enabled",
    "health_check_logs.s3.prefix",
    "idle_timeout.timeout_seconds",
    "ipv6.deny_all_igw_traffic",
    "load_balancing.cross_zone.enabled",
    "routing.http.desync_mitigation_mode",
    "routing.http.drop_invalid_header_fields.enabled",
    "routing.http.preserve_host_header.enabled",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
    "routing.http.xff_client_port.enabled",
    "routing.http.xff_header_processing.mode",
    "routing.http2.enabled",
    "secondary_ips.auto_assigned.per_subnet",
    "waf.fail_open.enabled",
    "zonal_shift.config.enabled",
];

/// Keys of target groups.
const TARGET_GROUP: &[&str] = &[
    "deregistration_delay.connection_termination.enabled",
    "deregistration_delay.timeout_seconds",
    "lambda.multi_value_headers.enabled",
    "load_balancing.algorithm.anomaly_mitigation",
    "load_balancing.algorithm.type",
    "load_balancing.cross_zone.enabled",
    "preserve_client_ip.enabled",
    "proxy_protocol_v2.enabled",
    "send_tcp_reset.on_deregistration.enabled",
    "send_tcp_reset.on_unhealthy.enabled",
    "slow_start.duration_seconds",
    "stickiness.app_cookie.cookie_name",
    "stickiness.app_cookie.duration_seconds",
    "stickiness.enabled",
    "stickiness.lb_cookie.duration_seconds",
    "stickiness.type",
    "target_failover.on_deregistration",
    "target_failover.on_unhealthy",
    "target_group_health.dns_failover.minimum_healthy_targets.count",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
    "target_health_state.unhealthy.connection_termination.enabled",
    "target_health_state.unhealthy.draining_interval_seconds",
];

/// The most attributes that one request to AWS may carry.
const MOST: usize = 20;

fn check(r: &Reading) -> Verdict {
    each(
        [
            (LoadBalancerAttribute, LOAD_BALANCER),
            (TargetGroupAttribute, TARGET_GROUP),
        ]
        .map(|(setting, known)| {
            let attributes = r.all(setting);
            let Some(last) = attributes.last() else {
                return Err(NotSeen(vec![setting]));
            };
            let too_many = demand(attributes.len() <= MOST, || {
                Violation::error(format!("AWS takes {MOST} attributes at most"))
                    .about(last)
                    .fix("remove attributes that are at their default")
            });
            each(
                attributes
                    .iter()
                    .map(|seen| attribute(seen, known))
                    .chain([too_many, r.whole(setting).map(|()| Vec::new())]),
            )
        }),
    )
}

fn attribute(seen: &Seen, known: &[&str]) -> Verdict {
    let Value::Text(key) = &seen.value else {
        return holds();
    };
    if known.contains(&key.as_str()) {
        return holds();
    }
    let nearest = known
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)));
    let near = nearest.filter(|known| strsim::damerau_levenshtein(known, key) <= 4);
    let elsewhere = LOAD_BALANCER.contains(&key.as_str()) || TARGET_GROUP.contains(&key.as_str());
    Ok(vec![
        match near {
            Some(near) => Violation::error(format!(
                "AWS does not know the {} `{key}`",
                seen.setting.title()
            ))
            .fix(format!("write {near}")),
            None if elsewhere => {
                Violation::error(format!("`{key}` is no {}", seen.setting.title()))
                    .fix("move it to the other resource")
            }
            // AWS may have learnt it since this list was made.
            None => Violation::warning(format!(
                "the {} `{key}` is not a known one",
                seen.setting.title()
            ))
            .fix("check the key"),
        }
        .about(seen),
    ])
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, w};
    let keys = |balancer, group| {
        [
            (LoadBalancerAttribute, w(balancer)),
            (TargetGroupAttribute, w(group)),
        ]
    };
    let many = |count| {
        [
            vec![(LoadBalancerAttribute, w("routing.http2.enabled")); count],
            vec![(TargetGroupAttribute, w("stickiness.type"))],
        ]
        .concat()
    };
    cases(
        &RULE,
        &[
            (
                &keys("idle_timeout.timeout_seconds", "stickiness.enabled"),
                Holds,
            ),
            (
                &keys("idle_timeout.timeout_second", "stickiness.enabled"),
                Error,
            ),
            (
                &keys("idle_timeout.timeout_seconds", "stickyness.enabled"),
                Error,
            ),
            (
                &keys("deregistration_delay.timeout_seconds", "stickiness.enabled"),
                Error,
            ),
            (&keys("brand.new.thing", "stickiness.enabled"), Warning),
            (&many(20), Holds),
            (&many(21), Error),
            (
                &[(LoadBalancerAttribute, w("routing.http2.enabled"))],
                NotSeen,
            ),
        ],
    );
}
