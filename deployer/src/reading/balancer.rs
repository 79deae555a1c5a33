//! The load balancer and the target group: attributes, names, health checks.

use std::time::Duration;

use timeouts::Setting::{self, *};
use timeouts::Value;

use super::view::View;
use cloudformation::node::{Leaf, Node};
use cloudformation::template::Resource;

/// How long stickiness lasts where it is on and no duration is stated.
const STICKY_DEFAULT: Duration = Duration::from_secs(86_400);

pub(super) fn read_balancer(view: &mut View<'_, '_>, balancer: Option<&Resource>) {
    let Some(balancer) = balancer else { return };
    let attributes = Attributes::of(balancer, "LoadBalancerAttributes");
    for setting in [IdleTimeout, ClientKeepAlive, ForwardedFor, ForwardedPort] {
        attributes.read(view, setting, setting.spec().aws.unwrap_or_default());
    }
    attributes.keys(view, LoadBalancerAttribute);
    view.property(LoadBalancerName, balancer, "Name");
    let subnets = if balancer.properties.get("Subnets").is_some() {
        "Subnets"
    } else {
        "SubnetMappings"
    };
    view.property(Subnets, balancer, subnets);
    // Only what is live says in which zones the subnets are.
    if let Some(zones) = balancer.properties.get("AvailabilityZones") {
        view.node(BalancerZones, Some(zones), balancer);
    }
}

pub(super) fn read_target_group(view: &mut View<'_, '_>, group: &Resource) {
    let attributes = Attributes::of(group, "TargetGroupAttributes");
    attributes.read(
        view,
        DeregistrationDelay,
        "deregistration_delay.timeout_seconds",
    );
    attributes.read(view, CrossZone, "load_balancing.cross_zone.enabled");
    attributes.keys(view, TargetGroupAttribute);
    stickiness(view, &attributes);
    for (setting, name) in [
        (HealthCheckPath, "HealthCheckPath"),
        (HealthCheckInterval, "HealthCheckIntervalSeconds"),
        (HealthyThreshold, "HealthyThresholdCount"),
        (UnhealthyThreshold, "UnhealthyThresholdCount"),
        (HealthCheckMatcher, "Matcher.HttpCode"),
        (TargetType, "TargetType"),
        (ProtocolVersion, "ProtocolVersion"),
        (TargetGroupName, "Name"),
    ] {
        view.property(setting, group, name);
    }
    match group.properties.get("HealthCheckTimeoutSeconds") {
        None => view.see_of(HealthCheckTimeout, Value::Unset, group),
        timeout => view.node(HealthCheckTimeout, timeout, group),
    }
    match group.properties.get("HealthCheckPort") {
        Some(port) if port.as_text() == Some("traffic-port") => {
            view.see(HealthCheckPort, Value::Unset, port);
        }
        port => view.node(HealthCheckPort, port, group),
    }
}

fn stickiness(view: &mut View<'_, '_>, attributes: &Attributes<'_>) {
    let Some(enabled) = attributes.value("stickiness.enabled") else {
        return attributes.absent(view, Stickiness);
    };
    match enabled.as_bool() {
        Some(false) => return view.see(Stickiness, Value::Unset, enabled),
        None => return view.symbolic(Stickiness, enabled),
        Some(true) => {}
    }
    let by_app = attributes.value("stickiness.type").and_then(Node::as_text) == Some("app_cookie");
    let cookie = if by_app { "app" } else { "lb" };
    match attributes.value(&format!("stickiness.{cookie}_cookie.duration_seconds")) {
        Some(duration) => view.node(Stickiness, Some(duration), attributes.resource),
        None => view.see(Stickiness, STICKY_DEFAULT, enabled),
    }
}

/// The key-value attributes of a load balancer or target group.
struct Attributes<'a> {
    resource: &'a Resource,
    items: &'a [Node],
    /// The whole list, or one of its items, is known to AWS alone.
    symbolic: Option<&'a Node>,
}

impl<'a> Attributes<'a> {
    fn of(resource: &'a Resource, property: &str) -> Self {
        let list = resource.properties.get(property);
        let items = list.and_then(Node::as_list).unwrap_or_default();
        let unknown = |node: &&Node| matches!(node.leaf(), Some(Leaf::Symbolic(_)));
        Self {
            resource,
            items,
            symbolic: list.filter(unknown).or_else(|| items.iter().find(unknown)),
        }
    }

    fn value(&self, key: &str) -> Option<&'a Node> {
        self.items
            .iter()
            .find(|item| item.get("Key").and_then(Node::as_text) == Some(key))?
            .get("Value")
    }

    fn read(&self, view: &mut View<'_, '_>, setting: Setting, key: &str) {
        match self.value(key) {
            Some(value) => view.node(setting, Some(value), self.resource),
            None => self.absent(view, setting),
        }
    }

    /// An attribute that is not there has its default, unless an item that only AWS knows may be it.
    fn absent(&self, view: &mut View<'_, '_>, setting: Setting) {
        match self.symbolic {
            Some(node) => view.symbolic(setting, node),
            None => view.default(setting, self.resource),
        }
    }

    fn keys(&self, view: &mut View<'_, '_>, setting: Setting) {
        view.see_of(setting, Value::Unset, self.resource);
        let keys = self.items.iter().filter_map(|item| item.get("Key"));
        for (number, key) in keys.enumerate() {
            match key.as_text() {
                Some(text) if number == 0 => view.see(setting, text, key),
                Some(text) => view.also(setting, text, key),
                None => {}
            }
        }
    }
}
