//! The ECS service, its task definition and what scales it.

use timeouts::Setting::*;
use timeouts::Value;

use super::network::PortRange;
use super::routes::Route;
use super::server;
use super::view::{View, mentions};
use crate::node::Node;
use crate::template::{Rendered, Resource};

/// What other readers need of a task.
pub(super) struct Task<'a> {
    /// The server's `STORE` variable.
    pub(super) store: Option<&'a Node>,
}

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
    task(
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

fn task<'a>(
    view: &mut View<'a, '_>,
    definition: &'a Resource,
    target: Option<&str>,
) -> Option<Task<'a>> {
    view.property(NetworkMode, definition, "NetworkMode");
    size(view, definition, Cpu, "Cpu");
    size(view, definition, Memory, "Memory");
    let list = definition.properties.get("ContainerDefinitions")?;
    let containers = list.as_list()?;
    let names: Option<Vec<String>> = containers
        .iter()
        .map(|container| container.get("Name")?.as_text().map(str::to_owned))
        .collect();
    match names {
        Some(names) => view.see(Containers, names, list),
        None => view.symbolic(Containers, list),
    }
    view.see(
        TaskPorts,
        Value::Ports(containers.iter().flat_map(ports).collect()),
        list,
    );
    let balanced = containers
        .iter()
        .find(|container| container.get("Name").and_then(Node::as_text) == target);
    if let Some(balanced) = balanced {
        view.see(
            MappedPorts,
            Value::Ports(ports(balanced).collect()),
            balanced.get("PortMappings").unwrap_or(balanced),
        );
    }
    let server = containers
        .iter()
        .find(|container| server::is_ours(container))
        .or(balanced)?;
    let direct = balanced.is_some_and(|balanced| std::ptr::eq(balanced, server));
    view.node(StopTimeout, server.get("StopTimeout"), definition);
    nofile(view, server);
    server::read(view, server, definition, direct);
    Some(Task {
        store: server::variable(server, "STORE"),
    })
}

fn ports(container: &Node) -> impl Iterator<Item = PortRange> {
    let mappings = container
        .get("PortMappings")
        .and_then(Node::as_list)
        .unwrap_or_default();
    mappings.iter().filter_map(|mapping| {
        let port = u16::try_from(mapping.get("ContainerPort")?.as_u64()?).ok()?;
        Some((port, port))
    })
}

fn nofile(view: &mut View<'_, '_>, server: &Node) {
    let limits = server
        .get("Ulimits")
        .and_then(Node::as_list)
        .unwrap_or_default();
    let limit = limits
        .iter()
        .find(|limit| limit.get("Name").and_then(Node::as_text) == Some("nofile"));
    match limit.and_then(|limit| limit.get("SoftLimit")) {
        Some(soft) => match soft.as_u64() {
            Some(files) => view.see(Nofile, files, soft),
            None => view.symbolic(Nofile, soft),
        },
        None => view.see(Nofile, Value::Unset, server),
    }
}

/// CPU units and MiB, which a task definition may also write as `1 vCPU` and `2 GB`.
fn size(view: &mut View<'_, '_>, definition: &Resource, setting: timeouts::Setting, name: &str) {
    let Some(node) = definition.properties.get(name) else {
        return;
    };
    match node.as_text().map(units) {
        Some(Some(size)) => view.see(setting, size, node),
        Some(None) => _ = view.reading.hide(setting, "a size that cannot be read"),
        None => view.symbolic(setting, node),
    }
}

fn units(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let large = text
        .strip_suffix("vcpu")
        .or_else(|| text.strip_suffix("gb"));
    match large {
        None => text.parse().ok(),
        Some(number) => {
            let units = number.trim().parse::<f64>().ok()? * 1024.0;
            // Sizes are far below what a float counts exactly, and have no fraction.
            (units.fract() == 0.0 && (0.0..1e9).contains(&units)).then_some(units as u64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn sizes_have_two_spellings() {
        let cases = [
            ("512", Some(512)),
            ("1 vCPU", Some(1024)),
            (".25 vcpu", Some(256)),
            ("1GB", Some(1024)),
            ("0.5 GB", Some(512)),
        ];
        for (text, size) in cases {
            assert_eq!(units(text), size, "{text}");
        }
        assert_eq!(units("some"), None);
        assert_eq!(units("1.0001 GB"), None);
    }
}
