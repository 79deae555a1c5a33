//! The ECS service, its task definition and what scales it.

use timeouts::Setting::*;
use timeouts::Value;

use aws_model::{Deployment, Field, Service, Variable};

use super::routes::Route;
use super::task;
use super::view::View;

/// Reads a service, and returns the server's `STORE` variable.
pub(super) fn read<'a>(
    view: &mut View<'a, '_>,
    service: &Service,
    group: &str,
    route: &Route<'_>,
) -> Option<&'a Variable> {
    view.field(GracePeriod, &service.grace_period);
    view.field(AzRebalancing, &service.az_rebalancing);
    view.field(ServiceName, &service.name);
    view.field(TaskZones, &service.zones);
    deployment(view, &service.deployment);
    placement(view, service);
    scaling(view, service);
    order(view, service, route);
    let target = service.target(group)?;
    view.field(ContainerName, &target.container);
    view.field(ContainerPort, &target.port);
    let definition = view.model.task_definition(service)?;
    task::read(view, definition, target.container.as_str())
}

fn deployment(view: &mut View<'_, '_>, deployment: &Deployment) {
    view.field(MinimumHealthyPercent, &deployment.minimum_healthy_percent);
    view.field(MaximumPercent, &deployment.maximum_percent);
    view.field(DeploymentAlarms, &deployment.alarms);
    match (&deployment.breaker_enabled, &deployment.breaker_rolls_back) {
        (Field::Stated(enabled, enable), Field::Stated(rolls_back, rollback)) => view.see(
            CircuitBreaker,
            *enabled && *rolls_back,
            if *enabled { rollback } else { enable },
        ),
        (part @ Field::NotStated(_), _) | (_, part @ Field::NotStated(_)) => {
            view.field(CircuitBreaker, part);
        }
        (part @ Field::NotSeen(_), _) | (_, part) => view.field(CircuitBreaker, part),
    }
}

/// Where tasks run. A service with neither launch type nor strategy follows its cluster's default.
fn placement(view: &mut View<'_, '_>, service: &Service) {
    const DEFAULT: &str = "the cluster's default strategy decides";
    if !service.capacity_providers.is_not_stated() {
        view.field(CapacityProviders, &service.capacity_providers);
        let why = "the service has a capacity provider strategy instead";
        view.reading.hide(LaunchType, why);
    } else if let Some(place) = service.launch_type.place() {
        view.field(LaunchType, &service.launch_type);
        view.see(CapacityProviders, Vec::new(), place);
    } else {
        view.reading.hide(LaunchType, DEFAULT);
        view.reading.hide(CapacityProviders, DEFAULT);
    }
}

fn scaling(view: &mut View<'_, '_>, service: &Service) {
    let desired = &service.desired_count;
    view.field_or(DesiredCount, desired, Value::Unset);
    if let Some(target) = view.model.scalable_target(service) {
        view.see(Autoscaling, true, &target.place);
        view.field(TasksMin, &target.min_capacity);
        view.field(TasksMax, &target.max_capacity);
        return;
    }
    view.see(Autoscaling, false, &service.place);
    for setting in [TasksMin, TasksMax] {
        if desired.is_not_stated() {
            // "DesiredCount: for new services, if a desired count is not specified, a default value
            // of 1 is used."
            let place = view.default_of(&service.place);
            view.reading.see(setting, 1, place);
        } else {
            view.field(setting, desired);
        }
    }
}

/// Whether the service is created after what forwards to it.
fn order(view: &mut View<'_, '_>, service: &Service, route: &Route<'_>) {
    if route.forwards.is_empty() {
        let why = "no listener in the template forwards to the target group";
        view.reading.hide(AfterListener, why);
        return;
    }
    let mut forwards = route.forwards.iter();
    let after = forwards.any(|forward| service.created_after.contains(forward.id));
    view.see(AfterListener, after, &service.place);
}
