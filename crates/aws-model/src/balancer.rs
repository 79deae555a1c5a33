//! Load balancers and target groups.

use std::time::Duration;

use cloudformation::node::Origin;

use crate::attributes::Attributes;
use crate::field::Field;
use crate::network;
use crate::properties::{Id, Properties};

/// A load balancer: application or network.
#[derive(Clone, Debug)]
pub struct LoadBalancer {
    /// Its logical id.
    pub id: Id,
    /// Its place.
    pub place: Origin,
    /// `Type`: `application` unless stated.
    pub kind: Field<String>,
    /// Its fixed name.
    pub name: Field<String>,
    /// Its subnets.
    pub subnets: Field<Vec<String>>,
    /// The zones of its subnets, which AWS alone says.
    pub zones: Field<Vec<String>>,
    /// Its security groups.
    pub security_groups: Field<Vec<Id>>,
    /// `idle_timeout.timeout_seconds`.
    pub idle_timeout: Field<Duration>,
    /// `client_keep_alive.seconds`.
    pub client_keep_alive: Field<Duration>,
    /// `routing.http.xff_header_processing.mode`.
    pub forwarded_for: Field<String>,
    /// `routing.http.xff_client_port.enabled`.
    pub forwarded_port: Field<bool>,
    /// `routing.http.drop_invalid_header_fields.enabled`.
    pub drop_invalid_headers: Field<bool>,
    /// All attributes.
    pub attributes: Attributes,
}

impl LoadBalancer {
    /// A load balancer with these attributes; nothing else is stated.
    #[must_use]
    pub fn new(id: Id, place: Origin, attributes: Attributes) -> Self {
        Self {
            id,
            kind: Field::NotStated(place.clone()),
            name: Field::NotStated(place.clone()),
            subnets: Field::NotStated(place.clone()),
            zones: Field::NotStated(place.clone()),
            security_groups: Field::NotStated(place.clone()),
            place,
            idle_timeout: attributes.get("idle_timeout.timeout_seconds"),
            client_keep_alive: attributes.get("client_keep_alive.seconds"),
            forwarded_for: attributes.get("routing.http.xff_header_processing.mode"),
            forwarded_port: attributes.get("routing.http.xff_client_port.enabled"),
            drop_invalid_headers: attributes.get("routing.http.drop_invalid_header_fields.enabled"),
            attributes,
        }
    }

    pub(crate) fn read(properties: Properties<'_>) -> Self {
        let attributes = Attributes::read(properties, "LoadBalancerAttributes");
        let subnets = match properties.list("Subnets") {
            Field::NotStated(_) => properties.list("SubnetMappings"),
            subnets => subnets,
        };
        Self {
            kind: properties.field("Type"),
            name: properties.field("Name"),
            subnets,
            zones: network::zones(properties, "Subnets"),
            security_groups: network::groups(properties, "SecurityGroups"),
            ..Self::new(properties.id(), properties.place(), attributes)
        }
    }
}

/// A target group.
#[derive(Clone, Debug)]
pub struct TargetGroup {
    /// Its logical id.
    pub id: Id,
    /// Its place.
    pub place: Origin,
    /// Its fixed name.
    pub name: Field<String>,
    /// `HTTP`, `HTTPS`, `TCP` and so on.
    pub protocol: Field<String>,
    /// `HTTP1`, `HTTP2` or `GRPC`.
    pub protocol_version: Field<String>,
    /// `instance`, `ip`, `lambda` or `alb`.
    pub target_type: Field<String>,
    /// Resources that the template registers as targets.
    pub targets: Vec<Id>,
    /// How targets are checked.
    pub health_check: HealthCheck,
    /// How a client stays on its target.
    pub stickiness: Stickiness,
    /// `deregistration_delay.timeout_seconds`.
    pub deregistration_delay: Field<Duration>,
    /// `load_balancing.cross_zone.enabled`.
    pub cross_zone: Field<String>,
    /// `load_balancing.algorithm.type`.
    pub algorithm: Field<String>,
    /// `target_group_health.unhealthy_state_routing.minimum_healthy_targets.count`.
    pub minimum_healthy_count: Field<u64>,
    /// `target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage`.
    pub minimum_healthy_percentage: Field<u64>,
    /// The port of the agent that limits the requests in flight of each target.
    pub control_port: Field<u64>,
    /// All attributes.
    pub attributes: Attributes,
}

/// A target group's health check.
#[derive(Clone, Debug)]
pub struct HealthCheck {
    /// The path that it asks for.
    pub path: Field<String>,
    /// The port that it asks on; none is the port of the traffic.
    pub port: Field<Option<u64>>,
    /// How often it asks.
    pub interval: Field<Duration>,
    /// How long an answer may take.
    pub timeout: Field<Duration>,
    /// Passes that make a target healthy.
    pub healthy: Field<u64>,
    /// Failures that make a target unhealthy.
    pub unhealthy: Field<u64>,
    /// The statuses that pass: `200`, `200-299`, `200,204`.
    pub matcher: Field<String>,
}

impl HealthCheck {
    /// `HealthCheckPort`, where `traffic-port` is the port of the traffic.
    #[must_use]
    pub fn port(text: Field<String>) -> Field<Option<u64>> {
        match text.as_str() {
            Some("traffic-port") => text.map(|_| None),
            _ => text.parse().map(Some),
        }
    }
}

/// The stickiness of a target group.
#[derive(Clone, Debug)]
pub struct Stickiness {
    /// `stickiness.enabled`.
    pub enabled: Field<bool>,
    /// `stickiness.type`: `lb_cookie` or `app_cookie`.
    pub kind: Field<String>,
    /// How long the cookie of that type lasts.
    cookie: Field<Duration>,
}

impl Stickiness {
    /// How long a client stays where stickiness is on and no duration is stated.
    pub const DEFAULT: Duration = Duration::from_secs(86_400);

    fn of(attributes: &Attributes) -> Self {
        let kind = attributes.get::<String>("stickiness.type");
        let by_app = kind.as_str() == Some("app_cookie");
        let cookie = if by_app { "app" } else { "lb" };
        Self {
            enabled: attributes.get("stickiness.enabled"),
            cookie: match &kind {
                Field::NotSeen(why) => Field::NotSeen(why.clone()),
                _ => attributes.get(&format!("stickiness.{cookie}_cookie.duration_seconds")),
            },
            kind,
        }
    }

    /// How long a client stays on its target; none where stickiness is off.
    #[must_use]
    pub fn duration(&self) -> Field<Option<Duration>> {
        self.enabled
            .clone()
            .and_then(|on, place| match &self.cookie {
                _ if !on => Field::Stated(None, place),
                Field::NotStated(_) => Field::Stated(Some(Self::DEFAULT), place),
                cookie => cookie.clone().map(Some),
            })
    }
}

impl TargetGroup {
    /// A target group with this health check and these attributes; nothing else is stated.
    #[must_use]
    pub fn new(id: Id, place: Origin, health_check: HealthCheck, attributes: Attributes) -> Self {
        let minimum = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";
        Self {
            id,
            name: Field::NotStated(place.clone()),
            protocol: Field::NotStated(place.clone()),
            protocol_version: Field::NotStated(place.clone()),
            target_type: Field::NotStated(place.clone()),
            targets: Vec::new(),
            control_port: Field::NotStated(place.clone()),
            place,
            health_check,
            stickiness: Stickiness::of(&attributes),
            deregistration_delay: attributes.get("deregistration_delay.timeout_seconds"),
            cross_zone: attributes.get("load_balancing.cross_zone.enabled"),
            algorithm: attributes.get("load_balancing.algorithm.type"),
            minimum_healthy_count: attributes.get(&format!("{minimum}.count")),
            minimum_healthy_percentage: attributes.get(&format!("{minimum}.percentage")),
            attributes,
        }
    }

    pub(crate) fn read(properties: Properties<'_>) -> Self {
        let health_check = HealthCheck {
            path: properties.field("HealthCheckPath"),
            port: HealthCheck::port(properties.field("HealthCheckPort")),
            interval: properties.field("HealthCheckIntervalSeconds"),
            timeout: properties.field("HealthCheckTimeoutSeconds"),
            healthy: properties.field("HealthyThresholdCount"),
            unhealthy: properties.field("UnhealthyThresholdCount"),
            matcher: properties.field("Matcher.HttpCode"),
        };
        let attributes = Attributes::read(properties, "TargetGroupAttributes");
        Self {
            name: properties.field("Name"),
            protocol: properties.field("Protocol"),
            protocol_version: properties.field("ProtocolVersion"),
            target_type: properties.field("TargetType"),
            targets: properties.mentioned("Targets"),
            control_port: properties.field("TargetControlPort"),
            ..Self::new(
                properties.id(),
                properties.place(),
                health_check,
                attributes,
            )
        }
    }
}
