//! A service of ECS, its task definition and what scales it.

use cloudformation::node::Node;

use super::block::Block;
use super::containers;

pub(super) fn service(service: Block<'_>) -> Node {
    let target = |target: Block<'_>| {
        let advanced = target.one("advanced_configuration", |more| {
            let alternate = more.get("alternate_target_group_arn");
            Some(more.map([("AlternateTargetGroupArn", alternate)]))
        });
        target.map([
            ("TargetGroupArn", target.get("target_group_arn")),
            ("ContainerName", target.get("container_name")),
            ("ContainerPort", target.get("container_port")),
            ("AdvancedConfiguration", advanced),
        ])
    };
    let provider = |one: Block<'_>| one.map([("CapacityProvider", one.get("capacity_provider"))]);
    let network = service.one("network_configuration", |network| {
        let own = network.map([
            ("Subnets", network.get("subnets")),
            ("SecurityGroups", network.get("security_groups")),
        ]);
        Some(network.map([("AwsvpcConfiguration", Some(own))]))
    });
    let controller = service.one("deployment_controller", |controller| {
        Some(controller.map([("Type", controller.get("type"))]))
    });
    service.map([
        ("ServiceName", service.get("name")),
        ("TaskDefinition", service.get("task_definition")),
        ("DesiredCount", service.get("desired_count")),
        ("LaunchType", service.get("launch_type")),
        ("SchedulingStrategy", service.get("scheduling_strategy")),
        (
            "CapacityProviderStrategy",
            service.each("capacity_provider_strategy", provider),
        ),
        (
            "AvailabilityZoneRebalancing",
            service.get("availability_zone_rebalancing"),
        ),
        (
            "HealthCheckGracePeriodSeconds",
            service.get("health_check_grace_period_seconds"),
        ),
        ("DeploymentController", controller),
        ("DeploymentConfiguration", Some(deployment(service))),
        ("NetworkConfiguration", network),
        ("LoadBalancers", service.each("load_balancer", target)),
    ])
}

fn deployment(service: Block<'_>) -> Node {
    let breaker = service.one("deployment_circuit_breaker", |breaker| {
        Some(breaker.map([
            ("Enable", breaker.get("enable")),
            ("Rollback", breaker.get("rollback")),
        ]))
    });
    let alarms = service.one("alarms", |alarms| {
        Some(alarms.map([
            ("Enable", alarms.get("enable")),
            ("AlarmNames", alarms.get("alarm_names")),
        ]))
    });
    let part = |name: &str| service.one("deployment_configuration", |own| own.get(name));
    let step = |block: &str, name: &str| {
        service.one("deployment_configuration", |own| {
            own.one(block, |step| step.get(name))
        })
    };
    let canary = step("canary_configuration", "canary_bake_time_in_minutes");
    let canary = canary.map(|bake| service.map([("CanaryBakeTimeInMinutes", Some(bake))]));
    let linear = service.map([
        (
            "StepBakeTimeInMinutes",
            step("linear_configuration", "step_bake_time_in_minutes"),
        ),
        ("StepPercent", step("linear_configuration", "step_percent")),
    ]);
    service.map([
        ("MaximumPercent", service.get("deployment_maximum_percent")),
        (
            "MinimumHealthyPercent",
            service.get("deployment_minimum_healthy_percent"),
        ),
        ("DeploymentCircuitBreaker", breaker),
        ("Alarms", alarms),
        ("Strategy", part("strategy")),
        ("BakeTimeInMinutes", part("bake_time_in_minutes")),
        ("CanaryConfiguration", canary),
        ("LinearConfiguration", Some(linear)),
    ])
}

pub(super) fn task(task: Block<'_>) -> Node {
    task.map([
        ("NetworkMode", task.get("network_mode")),
        ("Cpu", task.get("cpu")),
        ("Memory", task.get("memory")),
        ("ContainerDefinitions", containers::read(task)),
    ])
}

pub(super) fn scaling(target: Block<'_>) -> Node {
    target.map([
        ("ServiceNamespace", target.get("service_namespace")),
        ("ResourceId", target.get("resource_id")),
        ("MinCapacity", target.get("min_capacity")),
        ("MaxCapacity", target.get("max_capacity")),
    ])
}
