//! Load balancers, listeners and target groups as they are.

use aws_model::{
    Attributes, Field, HealthCheck, Listener, ListenerRule, LoadBalancer, TargetGroup,
};
use aws_sdk_elasticloadbalancingv2::types;
use cloudformation::node::Origin;

use super::live::{Live, number, seconds, text};
use super::{Clients, Error, distribution, failed, firewall, listener};

const ASK: &str = "describe the load balancer";

pub(super) async fn target_groups(
    clients: &Clients,
    arns: &[String],
    live: &mut Live,
) -> Result<Vec<String>, Error> {
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let what = "describe the target groups";
    let found = clients
        .balancers
        .describe_target_groups()
        .set_target_group_arns(Some(arns.to_vec()))
        .send()
        .await
        .map_err(|error| failed(what)(error).of_the_stack("a target group"))?;
    let mut balancers = Vec::new();
    for group in found.target_groups() {
        let arn = group.target_group_arn().unwrap_or_default();
        let answer = clients
            .balancers
            .describe_target_group_attributes()
            .target_group_arn(arn)
            .send()
            .await
            .map_err(failed(what))?;
        let attributes = answer
            .attributes()
            .iter()
            .map(|attribute| (attribute.key(), attribute.value()));
        let (id, place) = live.identity(arn);
        let attributes = Attributes::live(attributes, &place);
        let health_check = health_check(group, &place);
        live.model.target_groups.push(TargetGroup {
            name: text(group.target_group_name(), &place),
            protocol: text(group.protocol().map(|name| name.as_str()), &place),
            protocol_version: text(group.protocol_version(), &place),
            control_port: Field::live_or_unset(
                group
                    .target_control_port()
                    .and_then(|port| u64::try_from(port).ok()),
                &place,
            ),
            target_type: text(group.target_type().map(|name| name.as_str()), &place),
            ..TargetGroup::new(id, place, health_check, attributes)
        });
        balancers.extend(group.load_balancer_arns().iter().cloned());
    }
    Ok(balancers)
}

pub(super) async fn balancers(
    clients: &Clients,
    arns: &[String],
    live: &mut Live,
) -> Result<(), Error> {
    if arns.is_empty() {
        return Ok(());
    }
    let found = clients
        .balancers
        .describe_load_balancers()
        .set_load_balancer_arns(Some(arns.to_vec()))
        .send()
        .await
        .map_err(|error| failed(ASK)(error).of_the_stack("a load balancer"))?;
    let mut fronts = Vec::new();
    for balancer in found.load_balancers() {
        let arn = balancer.load_balancer_arn().unwrap_or_default();
        let answer = clients
            .balancers
            .describe_load_balancer_attributes()
            .load_balancer_arn(arn)
            .send()
            .await
            .map_err(failed(ASK))?;
        let attributes = answer
            .attributes()
            .iter()
            .map(|attribute| (attribute.key(), attribute.value()));
        let (id, place) = live.identity(arn);
        let attributes = Attributes::live(attributes, &place);
        let zones = balancer.availability_zones().iter();
        let subnets = zones.clone().filter_map(|zone| zone.subnet_id());
        let names = zones.filter_map(|zone| zone.zone_name());
        live.model.load_balancers.push(LoadBalancer {
            name: text(balancer.load_balancer_name(), &place),
            security_groups: Field::Stated(balancer.security_groups().to_vec(), place.clone()),
            subnets: Field::Stated(subnets.map(str::to_owned).collect(), place.clone()),
            zones: Field::Stated(names.map(str::to_owned).collect(), place.clone()),
            ..LoadBalancer::new(id, place, attributes)
        });
        listeners(clients, arn, live).await?;
        // Web ACLs protect Application Load Balancers alone.
        if balancer.r#type() == Some(&types::LoadBalancerTypeEnum::Application) {
            firewall::read(clients, arn, live).await;
            fronts.push(distribution::Balancer {
                id: live.stack.name(arn),
                dns_name: balancer.dns_name().unwrap_or_default().to_owned(),
            });
        }
    }
    distribution::read(clients, &fronts, live).await;
    Ok(())
}

async fn listeners(clients: &Clients, balancer: &str, live: &mut Live) -> Result<(), Error> {
    let pages = clients
        .balancers
        .describe_listeners()
        .load_balancer_arn(balancer)
        .into_paginator()
        .items()
        .send();
    let listeners = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(failed("describe the listeners"))?;
    for listener in listeners {
        let arn = listener.listener_arn().unwrap_or_default();
        let (id, place) = live.identity(arn);
        live.model.listeners.push(Listener {
            id,
            load_balancer: live.reference(Some(balancer), &place),
            protocol: text(listener.protocol().map(|name| name.as_str()), &place),
            port: number(listener.port(), &place),
            certificates: Field::live(None, &place),
            actions: listener::actions(listener.default_actions(), live, &place),
            allow_origin: text(None, &place),
            tcp_idle_timeout: text(None, &place).parse(),
            place,
        });
        rules(clients, arn, live).await?;
    }
    Ok(())
}

async fn rules(clients: &Clients, listener: &str, live: &mut Live) -> Result<(), Error> {
    let pages = clients
        .balancers
        .describe_rules()
        .listener_arn(listener)
        .into_paginator()
        .items()
        .send();
    let rules = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(failed("describe the listener's rules"))?;
    // The default rule is the listener's default action, which is there already.
    for rule in rules.iter().filter(|rule| rule.is_default() != Some(true)) {
        let (id, place) = live.identity(rule.rule_arn().unwrap_or_default());
        live.model.rules.push(ListenerRule {
            id,
            listener: live.reference(Some(listener), &place),
            priority: text(rule.priority(), &place).parse(),
            conditions: listener::conditions(rule.conditions(), &place),
            rewrites: !rule.transforms().is_empty(),
            actions: listener::actions(rule.actions(), live, &place),
            place,
        });
    }
    Ok(())
}

fn health_check(group: &types::TargetGroup, place: &Origin) -> HealthCheck {
    HealthCheck {
        path: text(group.health_check_path(), place),
        port: HealthCheck::port(text(group.health_check_port(), place)),
        interval: seconds(group.health_check_interval_seconds(), place),
        timeout: seconds(group.health_check_timeout_seconds(), place),
        healthy: number(group.healthy_threshold_count(), place),
        unhealthy: number(group.unhealthy_threshold_count(), place),
        matcher: text(
            group.matcher().and_then(|matcher| matcher.http_code()),
            place,
        ),
    }
}
