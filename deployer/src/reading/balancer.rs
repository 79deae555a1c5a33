//! The load balancer and the target group: attributes, names, health checks.

use timeouts::Setting::{self, *};
use timeouts::Value;

use aws_model::{Attributes, LoadBalancer, TargetGroup};
use cloudformation::node::Origin;

use super::view::View;

pub(super) fn read_balancer(view: &mut View<'_, '_>, balancer: &LoadBalancer) {
    let mark = view.mark();
    view.field(IdleTimeout, &balancer.idle_timeout);
    view.field(ClientKeepAlive, &balancer.client_keep_alive);
    view.field(ForwardedFor, &balancer.forwarded_for);
    view.field(ForwardedPort, &balancer.forwarded_port);
    view.field(LoadBalancerName, &balancer.name);
    view.field(Subnets, &balancer.subnets);
    view.field(BalancerZones, &balancer.zones);
    keys(
        view,
        LoadBalancerAttribute,
        &balancer.attributes,
        &balancer.place,
    );
    view.doubt_of(&balancer.id, mark);
}

pub(super) fn read_target_group(view: &mut View<'_, '_>, group: &TargetGroup) {
    let mark = view.mark();
    view.field(TargetControlPort, &group.control_port);
    view.field(DeregistrationDelay, &group.deregistration_delay);
    view.field(CrossZone, &group.cross_zone);
    view.field(Stickiness, &group.stickiness.duration());
    view.field(TargetType, &group.target_type);
    view.field(ProtocolVersion, &group.protocol_version);
    view.field(TargetGroupName, &group.name);
    keys(view, TargetGroupAttribute, &group.attributes, &group.place);
    let check = &group.health_check;
    view.field(HealthCheckPath, &check.path);
    view.field(HealthCheckPort, &check.port);
    view.field(HealthCheckInterval, &check.interval);
    view.field(HealthyThreshold, &check.healthy);
    view.field(UnhealthyThreshold, &check.unhealthy);
    view.field(HealthCheckMatcher, &check.matcher);
    // AWS's default depends on the protocols of target group and load balancer.
    view.field_or(HealthCheckTimeout, &check.timeout, Value::Unset);
    view.doubt_of(&group.id, mark);
}

fn keys(view: &mut View<'_, '_>, setting: Setting, attributes: &Attributes, resource: &Origin) {
    for (key, place, _) in &attributes.items {
        view.also(setting, key.as_str(), place);
    }
    match attributes.unlisted() {
        Some(why) if attributes.items.is_empty() => view.hide(setting, why),
        Some(why) => {
            let why = view.reason(setting, why);
            view.reading.partly(setting, why);
        }
        None if attributes.items.is_empty() => view.see(setting, Value::Unset, resource),
        None => {}
    }
}
