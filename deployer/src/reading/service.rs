//! The ECS service, its task definition and what scales it.

use timeouts::Setting::*;
use timeouts::Value;

use super::routes::Route;
use super::task::{self, Task};
use super::view::{View, mentions};
use cloudformation::node::Node;
use cloudformation::template::{Rendered, Resource};

/// The entry of a service's load balancers that sends to this target group.
pub(super) fn forwards_to<'a>(service: &'a Resource, group: &Resource) -> Option<&'a Node> {
    let targets = service.properties.get("LoadBalancers")?.as_list()?;
    let group = group.logical_id.as_str();
    targets.iter().find(|target| {
        target
            .get("TargetGroupArn")
            .is_some_and(|arn| mentions(arn, group))
    })
}

pub(super) fn read<'a>(
    view: &mut View<'a, '_>,
    service: &'a Resource,
    group: &Resource,
    route: &Route<'_>,
) -> Option<Task<'a>> {
    for (setting, name) in [
        (GracePeriod, "HealthCheckGracePeriodSeconds"),
        (
            MinimumHealthyPercent,
            "DeploymentConfiguration.MinimumHealthyPercent",
        ),
        (MaximumPercent, "DeploymentConfiguration.MaximumPercent"),
        (AzRebalancing, "AvailabilityZoneRebalancing"),
        (ServiceName, "ServiceName"),
    ] {
        view.property(setting, service, name);
    }
    if let Some(zones) = service.properties.get("AvailabilityZones") {
        view.node(TaskZones, Some(zones), service);
    }
    guards(view, service);
    placement(view, service);
    scaling(view, service);
    order(view, service, route);
    let target = forwards_to(service, group)?;
    view.node(ContainerName, target.get("ContainerName"), service);
    view.node(ContainerPort, target.get("ContainerPort"), service);
    let definition = view
        .rendered
        .referred(service.properties.get("TaskDefinition")?)?;
    task::read(
        view,
        definition,
        target.get("ContainerName").and_then(Node::as_text),
    )
}

/// What stops a failing deployment.
fn guards(view: &mut View<'_, '_>, service: &Resource) {
    let breaker = "DeploymentConfiguration.DeploymentCircuitBreaker";
    let part = |name: &str| service.properties.at(&format!("{breaker}.{name}"));
    match (part("Enable"), part("Rollback")) {
        (Some(enable), Some(rollback)) => match (enable.as_bool(), rollback.as_bool()) {
            (Some(enabled), Some(rolls_back)) => view.see(
                CircuitBreaker,
                enabled && rolls_back,
                if enabled { rollback } else { enable },
            ),
            _ => view.symbolic(CircuitBreaker, enable),
        },
        _ => view.default(CircuitBreaker, service),
    }
    let alarms = "DeploymentConfiguration.Alarms";
    let on = service
        .properties
        .at(&format!("{alarms}.Enable"))
        .and_then(Node::as_bool)
        != Some(false);
    view.node(
        DeploymentAlarms,
        service
            .properties
            .at(&format!("{alarms}.AlarmNames"))
            .filter(|_| on),
        service,
    );
}

/// Where tasks run. A service with neither launch type nor strategy follows its cluster's default.
fn placement(view: &mut View<'_, '_>, service: &Resource) {
    if let Some(strategy) = service.properties.get("CapacityProviderStrategy") {
        let items = strategy.as_list().unwrap_or_default();
        let names: Option<Vec<String>> = items
            .iter()
            .map(|item| item.get("CapacityProvider")?.as_text().map(str::to_owned))
            .collect();
        match names.filter(|names| !names.is_empty()) {
            Some(names) => view.see(CapacityProviders, names, strategy),
            None => view.symbolic(CapacityProviders, strategy),
        }
        view.reading.hide(
            LaunchType,
            "the service has a capacity provider strategy instead",
        );
    } else if let Some(launch_type) = service.properties.get("LaunchType") {
        view.node(LaunchType, Some(launch_type), service);
        view.see(CapacityProviders, Vec::new(), launch_type);
    } else {
        view.reading
            .hide(LaunchType, "the cluster's default strategy decides");
        view.reading
            .hide(CapacityProviders, "the cluster's default strategy decides");
    }
}

fn scaling(view: &mut View<'_, '_>, service: &Resource) {
    let desired = service.properties.get("DesiredCount");
    match desired {
        Some(_) => view.node(DesiredCount, desired, service),
        None => view.see_of(DesiredCount, Value::Unset, service),
    }
    if let Some(target) = scalable_target(view.rendered, service) {
        view.see_of(Autoscaling, true, target);
        view.property(TasksMin, target, "MinCapacity");
        view.property(TasksMax, target, "MaxCapacity");
        return;
    }
    view.see_of(Autoscaling, false, service);
    for setting in [TasksMin, TasksMax] {
        match desired {
            Some(_) => view.node(setting, desired, service),
            // "DesiredCount: for new services, if a desired count is not specified, a default value of 1 is used."
            None => {
                let place =
                    timeouts::Place::named("default of AWS").through(view.resource(service));
                view.reading.see(setting, 1, place);
            }
        }
    }
}

fn scalable_target<'a>(rendered: &'a Rendered, service: &Resource) -> Option<&'a Resource> {
    let targets = || {
        rendered
            .of_type("AWS::ApplicationAutoScaling::ScalableTarget")
            .filter(|target| {
                target
                    .properties
                    .get("ServiceNamespace")
                    .and_then(Node::as_text)
                    .is_none_or(|name| name == "ecs")
            })
    };
    let name = service
        .properties
        .get("ServiceName")
        .and_then(Node::as_text);
    let names = |target: &&Resource| {
        target.properties.get("ResourceId").is_some_and(|id| {
            let ends = |text: &str| name.is_some_and(|name| text.ends_with(&format!("/{name}")));
            mentions(id, &service.logical_id) || id.as_text().is_some_and(ends)
        })
    };
    targets().find(names)
}

/// Whether the service is created after what forwards to it.
fn order(view: &mut View<'_, '_>, service: &Resource, route: &Route<'_>) {
    if route.forwards.is_empty() {
        view.reading.hide(
            AfterListener,
            "nothing in the template forwards to the target group",
        );
        return;
    }
    let mut reached = vec![service];
    let mut next = 0;
    while let Some(resource) = reached.get(next).copied() {
        next += 1;
        for other in view.rendered.resources.values() {
            let named = resource.depends_on.contains(&other.logical_id)
                || mentions(&resource.properties, &other.logical_id);
            if named
                && !reached
                    .iter()
                    .any(|known| known.logical_id == other.logical_id)
            {
                reached.push(other);
            }
        }
    }
    let after = route.forwards.iter().any(|forward| {
        reached
            .iter()
            .any(|known| known.logical_id == forward.resource.logical_id)
    });
    view.see_of(AfterListener, after, service);
}
