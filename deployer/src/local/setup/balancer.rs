//! The balancer's configuration from load balancer, listeners, rules and target groups.

use alb_model::{
    Algorithm, Config, Group, HealthCheck, Listener, MinimumHealthy, Rule, XForwardedFor,
};
use aws_model::{Field, ListenerRule, LoadBalancer, Model, Stickiness, TargetGroup};
use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::node::Origin;

use super::backends::Side;
use super::{action, condition, mistake};

/// The configuration, and the declared port of each of its listeners.
pub(super) fn convert(model: &Model, side: &Side<'_>) -> Result<(Config, Vec<u16>), Mistakes> {
    let application = |balancer: &&LoadBalancer| {
        let kind = balancer.kind.as_str();
        kind.is_none_or(|kind| kind == "application")
    };
    let balancers: Vec<_> = model.load_balancers.iter().filter(application).collect();
    let main = balancers.iter().filter(|one| !side.is_of(one));
    let [balancer] = main.collect::<Vec<_>>()[..] else {
        let message = format!(
            "the template has {} application load balancers; it takes one to run it here",
            balancers.len()
        );
        return Err(Mistake::nowhere(message).into());
    };
    let mut mistakes = Mistakes::default();
    let (mut config, mut ports) = (of_balancer(balancer), vec![]);
    for group in &model.target_groups {
        config.groups.extend(mistakes.keep(target_group(group)));
    }
    for listener in &model.listeners {
        let of_main = listener.load_balancer.as_str() == Some(&balancer.id);
        if !of_main && !side.has(listener) {
            continue;
        }
        if let Some((port, listener)) = mistakes.keep(self::listener(model, listener)) {
            ports.push(port);
            config.listeners.push(listener);
        }
    }
    mistakes.or((config, ports))
}

fn of_balancer(balancer: &LoadBalancer) -> Config {
    let defaults = Config::default();
    let stated = |flag: &Field<bool>| flag.value() == Some(&true);
    Config {
        idle_timeout: or(&balancer.idle_timeout, defaults.idle_timeout),
        client_keep_alive: or(&balancer.client_keep_alive, defaults.client_keep_alive),
        xff_client_port: stated(&balancer.forwarded_port),
        drop_invalid_header_fields: stated(&balancer.drop_invalid_headers),
        x_forwarded_for: match balancer.forwarded_for.as_str() {
            Some("preserve") => XForwardedFor::Preserve,
            Some("remove") => XForwardedFor::Remove,
            _ => XForwardedFor::Append,
        },
        ..defaults
    }
}

/// The stated value, or another.
fn or<T: Copy>(field: &Field<T>, otherwise: T) -> T {
    field.value().copied().unwrap_or(otherwise)
}

/// A number that must be known, in the range of its type.
fn number<T: TryFrom<u64>>(
    field: &Field<u64>,
    resource: &Origin,
    unknown: &str,
) -> Result<T, Mistake> {
    let number = field.value().and_then(|number| T::try_from(*number).ok());
    number.ok_or_else(|| mistake(field.place(), resource, unknown))
}

fn listener(model: &Model, listener: &aws_model::Listener) -> Result<(u16, Listener), Mistakes> {
    let mut mistakes = Mistakes::default();
    let unknown = "the listener's port is not known";
    let port = mistakes.keep(number(&listener.port, &listener.place, unknown));
    let default = action::convert(model, &listener.actions, &listener.place, "DefaultActions");
    let default = mistakes.keep(default);
    let rules = model.rules.iter();
    let rules = rules
        .filter(|rule| rule.listener.as_str() == Some(&listener.id))
        .filter_map(|rule| mistakes.keep(self::rule(model, rule)))
        .collect();
    let https = listener.protocol.as_str() == Some("HTTPS");
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

fn rule(model: &Model, rule: &ListenerRule) -> Result<Rule, Mistakes> {
    let mut mistakes = Mistakes::default();
    let unknown = "the rule's priority is not known";
    let priority = mistakes.keep(number(&rule.priority, &rule.place, unknown));
    let action = mistakes.keep(action::convert(
        model,
        &rule.actions,
        &rule.place,
        "Actions",
    ));
    let conditions = rule.conditions.iter();
    let conditions = conditions
        .filter_map(|condition| mistakes.keep(condition::convert(condition)))
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

fn target_group(group: &TargetGroup) -> Result<Group, Mistake> {
    let version = &group.protocol_version;
    if let Some(name @ ("HTTP2" | "GRPC")) = version.as_str() {
        let message =
            format!("protocol version {name} is not part of the model; WebSockets need HTTP1");
        return Err(mistake(version.place(), &group.place, message));
    }
    let sticky = &group.stickiness;
    let on = sticky.enabled.value() == Some(&true);
    let sticky_for = or(&sticky.duration(), Some(Stickiness::DEFAULT));
    if on && let Some(kind @ "app_cookie") = sticky.kind.as_str() {
        let message =
            format!("stickiness of type {kind} is not part of the model; Holdfast uses lb_cookie");
        return Err(mistake(sticky.kind.place(), &group.place, message));
    }
    let defaults = Group::new(&group.id);
    let size = |field: &Field<u64>| field.value().and_then(|n| usize::try_from(*n).ok());
    Ok(Group {
        health_check: health_check(group)?,
        stickiness: sticky_for.filter(|_| on),
        deregistration_delay: or(&group.deregistration_delay, defaults.deregistration_delay),
        algorithm: match group.algorithm.as_str() {
            Some("least_outstanding_requests") => Algorithm::LeastOutstandingRequests,
            _ => defaults.algorithm,
        },
        minimum_healthy: MinimumHealthy {
            count: size(&group.minimum_healthy_count).unwrap_or(1),
            percentage: size(&group.minimum_healthy_percentage),
        },
        ..defaults
    })
}

fn health_check(group: &TargetGroup) -> Result<HealthCheck, Mistake> {
    let (check, defaults) = (&group.health_check, HealthCheck::default());
    let number = |field: &Field<u64>| field.value().and_then(|n| u32::try_from(*n).ok());
    let matcher = if check.matcher.is_not_stated() {
        defaults.matcher
    } else {
        codes(check.matcher.as_str().unwrap_or_default()).ok_or_else(|| {
            let message = "the matcher is not codes such as 200,202 or 200-299";
            mistake(check.matcher.place(), &group.place, message)
        })?
    };
    Ok(HealthCheck {
        path: check.path.value().cloned().unwrap_or(defaults.path),
        // Every task has another port here, so a port of its own for checks cannot be kept.
        port: None,
        interval: or(&check.interval, defaults.interval),
        timeout: or(&check.timeout, defaults.timeout),
        healthy: number(&check.healthy).unwrap_or(defaults.healthy),
        unhealthy: number(&check.unhealthy).unwrap_or(defaults.unhealthy),
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
