//! The balancer's configuration from the template's load balancer, listeners, rules and target groups.

use std::collections::HashMap;
use std::time::Duration;

use super::{action, attributes, condition, list, mistake, seconds, text};
use alb_model::{
    Algorithm, Config, Group, HealthCheck, Listener, MinimumHealthy, Rule, XForwardedFor,
};
use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::node::Node;
use cloudformation::template::{Rendered, Resource};

const LOAD_BALANCER: &str = "AWS::ElasticLoadBalancingV2::LoadBalancer";
const LISTENER: &str = "AWS::ElasticLoadBalancingV2::Listener";
const RULE: &str = "AWS::ElasticLoadBalancingV2::ListenerRule";
const TARGET_GROUP: &str = "AWS::ElasticLoadBalancingV2::TargetGroup";

/// The configuration, and the declared port of each of its listeners.
pub(super) fn read(rendered: &Rendered) -> Result<(Config, Vec<u16>), Mistakes> {
    let application =
        |r: &&Resource| text(&r.properties, "Type").is_none_or(|kind| kind == "application");
    let balancers: Vec<_> = rendered
        .of_type(LOAD_BALANCER)
        .filter(application)
        .collect();
    let [balancer] = balancers[..] else {
        let message = format!(
            "the template has {} application load balancers; it takes one to run it here",
            balancers.len()
        );
        return Err(Mistake::nowhere(message).into());
    };
    let mut mistakes = Mistakes::default();
    let attributes = attributes(balancer, "LoadBalancerAttributes");
    let (mut config, mut ports) = (of_attributes(&attributes), vec![]);
    for group in rendered.of_type(TARGET_GROUP) {
        config.groups.extend(mistakes.keep(target_group(group)));
    }
    for listener in rendered.of_type(LISTENER) {
        let of_balancer = listener
            .properties
            .get("LoadBalancerArn")
            .and_then(Node::refers_to);
        if of_balancer != Some(&balancer.logical_id) {
            continue;
        }
        if let Some((port, listener)) = mistakes.keep(self::listener(rendered, listener)) {
            ports.push(port);
            config.listeners.push(listener);
        }
    }
    mistakes.or((config, ports))
}

fn of_attributes(attributes: &HashMap<String, Node>) -> Config {
    let defaults = Config::default();
    let seconds = |key: &str| {
        attributes
            .get(key)
            .and_then(Node::as_u64)
            .map(Duration::from_secs)
    };
    let flag = |key: &str| attributes.get(key).and_then(Node::as_bool);
    let mode = attributes
        .get("routing.http.xff_header_processing.mode")
        .and_then(Node::as_text);
    Config {
        idle_timeout: seconds("idle_timeout.timeout_seconds").unwrap_or(defaults.idle_timeout),
        client_keep_alive: seconds("client_keep_alive.seconds")
            .unwrap_or(defaults.client_keep_alive),
        xff_client_port: flag("routing.http.xff_client_port.enabled").unwrap_or(false),
        drop_invalid_header_fields: flag("routing.http.drop_invalid_header_fields.enabled")
            .unwrap_or(false),
        x_forwarded_for: match mode {
            Some("preserve") => XForwardedFor::Preserve,
            Some("remove") => XForwardedFor::Remove,
            _ => XForwardedFor::Append,
        },
        ..defaults
    }
}

fn listener(rendered: &Rendered, listener: &Resource) -> Result<(u16, Listener), Mistakes> {
    let mut mistakes = Mistakes::default();
    let properties = &listener.properties;
    let port = properties
        .get("Port")
        .and_then(Node::as_u64)
        .and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| {
        mistake(
            listener,
            properties.get("Port"),
            "the listener's port is not known",
        )
    });
    let port = mistakes.keep(port);
    let default = mistakes.keep(action::read(rendered, listener, "DefaultActions"));
    let mut rules = vec![];
    for rule in rendered.of_type(RULE) {
        let of_listener = rule.properties.get("ListenerArn").and_then(Node::refers_to);
        if of_listener == Some(&listener.logical_id) {
            rules.extend(mistakes.keep(self::rule(rendered, rule)));
        }
    }
    let https = text(properties, "Protocol") == Some("HTTPS");
    match (port, default) {
        (Some(port), Some(default)) => mistakes.or((
            port,
            Listener {
                https,
                rules,
                default,
            },
        )),
        _ => Err(mistakes),
    }
}

fn rule(rendered: &Rendered, rule: &Resource) -> Result<Rule, Mistakes> {
    let mut mistakes = Mistakes::default();
    let priority = rule
        .properties
        .get("Priority")
        .and_then(Node::as_u64)
        .and_then(|n| u32::try_from(n).ok());
    let priority = priority.ok_or_else(|| {
        mistake(
            rule,
            rule.properties.get("Priority"),
            "the rule's priority is not known",
        )
    });
    let priority = mistakes.keep(priority);
    let action = mistakes.keep(action::read(rendered, rule, "Actions"));
    let written = list(&rule.properties, "Conditions").iter();
    let conditions = written
        .filter_map(|node| mistakes.keep(condition::read(rule, node)))
        .collect();
    match (priority, action) {
        (Some(priority), Some(action)) => mistakes.or(Rule {
            priority,
            conditions,
            action,
        }),
        _ => Err(mistakes),
    }
}

fn target_group(resource: &Resource) -> Result<Group, Mistakes> {
    let properties = &resource.properties;
    let mut group = Group::new(&resource.logical_id);
    if let Some(version @ ("HTTP2" | "GRPC")) = text(properties, "ProtocolVersion") {
        let message =
            format!("protocol version {version} is not part of the model; WebSockets need HTTP1");
        return Err(mistake(resource, properties.get("ProtocolVersion"), message).into());
    }
    group.health_check = health_check(resource)?;
    let attributes = attributes(resource, "TargetGroupAttributes");
    let value = |key: &str| attributes.get(key);
    let seconds = |key: &str| value(key).and_then(Node::as_u64).map(Duration::from_secs);
    if value("stickiness.enabled").and_then(Node::as_bool) == Some(true) {
        if let Some(kind @ "app_cookie") = value("stickiness.type").and_then(Node::as_text) {
            let message = format!(
                "stickiness of type {kind} is not part of the model; Holdfast uses lb_cookie"
            );
            return Err(mistake(resource, value("stickiness.type"), message).into());
        }
        let day = Duration::from_secs(86_400);
        group.stickiness = Some(seconds("stickiness.lb_cookie.duration_seconds").unwrap_or(day));
    }
    if let Some(delay) = seconds("deregistration_delay.timeout_seconds") {
        group.deregistration_delay = delay;
    }
    if value("load_balancing.algorithm.type").and_then(Node::as_text)
        == Some("least_outstanding_requests")
    {
        group.algorithm = Algorithm::LeastOutstandingRequests;
    }
    let prefix = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";
    let number = |key: &str| {
        value(&format!("{prefix}.{key}"))
            .and_then(Node::as_u64)
            .and_then(|n| usize::try_from(n).ok())
    };
    group.minimum_healthy = MinimumHealthy {
        count: number("count").unwrap_or(1),
        percentage: number("percentage"),
    };
    Ok(group)
}

fn health_check(resource: &Resource) -> Result<HealthCheck, Mistake> {
    let (properties, defaults) = (&resource.properties, HealthCheck::default());
    let number = |path: &str| {
        properties
            .get(path)
            .and_then(Node::as_u64)
            .and_then(|n| u32::try_from(n).ok())
    };
    let matcher = match properties.at("Matcher.HttpCode") {
        None => defaults.matcher,
        Some(node) => codes(node.as_text().unwrap_or_default()).ok_or_else(|| {
            mistake(
                resource,
                Some(node),
                "the matcher is not codes such as 200,202 or 200-299",
            )
        })?,
    };
    Ok(HealthCheck {
        path: text(properties, "HealthCheckPath")
            .unwrap_or(&defaults.path)
            .to_owned(),
        // Every task has another port here, so a port of its own for checks cannot be kept.
        port: None,
        interval: seconds(properties, "HealthCheckIntervalSeconds").unwrap_or(defaults.interval),
        timeout: seconds(properties, "HealthCheckTimeoutSeconds").unwrap_or(defaults.timeout),
        healthy: number("HealthyThresholdCount").unwrap_or(defaults.healthy),
        unhealthy: number("UnhealthyThresholdCount").unwrap_or(defaults.unhealthy),
        matcher,
    })
}

fn codes(text: &str) -> Option<Vec<(u16, u16)>> {
    let one = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
    };
    text.split(',').map(one).collect()
}
