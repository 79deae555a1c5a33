//! Load balancers, listeners and target groups as they are, in the form in which a template writes them.

use aws_sdk_elasticloadbalancingv2::types::{Action, RuleCondition};
use serde_json::{Value, json};

use super::live::Snapshot;
use super::{Clients, Error, failed};

const ASK: &str = "describe the load balancer";

pub(super) async fn target_groups(
    clients: &Clients,
    arns: &[String],
    snapshot: &mut Snapshot,
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
            .map(|attribute| json!({ "Key": attribute.key(), "Value": attribute.value() }));
        snapshot.add(arn, super::live::TARGET_GROUP, json!({
            "Protocol": group.protocol().map(|protocol| protocol.as_str()),
            "ProtocolVersion": group.protocol_version(),
            "TargetType": group.target_type().map(|kind| kind.as_str()),
            "Port": group.port(),
            "HealthCheckPath": group.health_check_path(),
            "HealthCheckPort": group.health_check_port(),
            "HealthCheckIntervalSeconds": group.health_check_interval_seconds(),
            "HealthCheckTimeoutSeconds": group.health_check_timeout_seconds(),
            "HealthyThresholdCount": group.healthy_threshold_count(),
            "UnhealthyThresholdCount": group.unhealthy_threshold_count(),
            "Matcher": group.matcher().map(|matcher| json!({ "HttpCode": matcher.http_code() })),
            "TargetGroupAttributes": attributes.collect::<Vec<_>>(),
        }));
        balancers.extend(group.load_balancer_arns().iter().cloned());
    }
    Ok(balancers)
}

pub(super) async fn balancers(
    clients: &Clients,
    arns: &[String],
    snapshot: &mut Snapshot,
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
            .map(|attribute| json!({ "Key": attribute.key(), "Value": attribute.value() }));
        let zones = balancer.availability_zones();
        snapshot.add(arn, super::live::BALANCER, json!({
            "Subnets": zones.iter().filter_map(|zone| zone.subnet_id()).collect::<Vec<_>>(),
            "AvailabilityZones": zones.iter().filter_map(|zone| zone.zone_name()).collect::<Vec<_>>(),
            "LoadBalancerAttributes": attributes.collect::<Vec<_>>(),
        }));
        listeners(clients, arn, snapshot).await?;
    }
    Ok(())
}

async fn listeners(
    clients: &Clients,
    balancer: &str,
    snapshot: &mut Snapshot,
) -> Result<(), Error> {
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
        snapshot.add(
            arn,
            super::live::LISTENER,
            json!({
                "LoadBalancerArn": snapshot.reference(balancer),
                "Protocol": listener.protocol().map(|protocol| protocol.as_str()),
                "DefaultActions": actions(listener.default_actions(), snapshot),
            }),
        );
        rules(clients, arn, snapshot).await?;
    }
    Ok(())
}

async fn rules(clients: &Clients, listener: &str, snapshot: &mut Snapshot) -> Result<(), Error> {
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
        snapshot.add(
            rule.rule_arn().unwrap_or_default(),
            super::live::LISTENER_RULE,
            json!({
                "ListenerArn": snapshot.reference(listener),
                "Conditions": rule.conditions().iter().map(condition).collect::<Vec<_>>(),
                "Actions": actions(rule.actions(), snapshot),
            }),
        );
    }
    Ok(())
}

fn condition(condition: &RuleCondition) -> Value {
    let values = condition
        .path_pattern_config()
        .map_or_else(|| condition.values(), |paths| paths.values());
    json!({ "Field": condition.field(), "Values": values })
}

fn actions(actions: &[Action], snapshot: &Snapshot) -> Vec<Value> {
    let action = |action: &Action| {
        let mut written = json!({ "Type": action.r#type().map(|kind| kind.as_str()) });
        if let Some(group) = action.target_group_arn() {
            written["TargetGroupArn"] = snapshot.reference(group);
        }
        if let Some(forward) = action.forward_config() {
            let groups = forward.target_groups().iter().map(|group| {
                json!({ "TargetGroupArn": snapshot.reference(group.target_group_arn().unwrap_or_default()), "Weight": group.weight() })
            });
            let sticky = forward
                .target_group_stickiness_config()
                .and_then(|config| config.enabled());
            written["ForwardConfig"] = json!({
                "TargetGroups": groups.collect::<Vec<_>>(),
                "TargetGroupStickinessConfig": { "Enabled": sticky.unwrap_or(false) },
            });
        }
        written
    };
    actions.iter().map(action).collect()
}
