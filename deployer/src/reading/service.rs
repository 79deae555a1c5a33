//! The ECS service, its task definition and what scales it.

use timeouts::Setting::{self, *};
use timeouts::Value;

use aws_model::{Deployment, Field, Scaling, Service, Source, Variable};

use super::routes::{Forward, Route};
use super::task;
use super::view::View;

/// Reads a service, and returns the server's `STORE` variable.
pub(super) fn read<'a>(
    view: &mut View<'a, '_>,
    service: &Service,
    group: Option<&str>,
    route: &Route<'_>,
) -> Option<&'a Variable> {
    let mark = view.mark();
    own(view, service, route);
    let target = match group {
        Some(group) => service.target(group),
        None => service.targets.items().first(),
    };
    if let Some(target) = target {
        view.field(ContainerName, &target.container);
        view.field(ContainerPort, &target.port);
    }
    view.doubt_of(&service.id, mark);
    let definition = view.model.task_definition(service)?;
    let mark = view.mark();
    let store = task::read(view, definition, target?.container.as_str());
    view.doubt_of(&definition.id, mark);
    if let Some(why) = view.uncertain(&service.id) {
        view.doubt(mark, &why);
    }
    store
}

/// What the service itself says.
fn own(view: &mut View<'_, '_>, service: &Service, route: &Route<'_>) {
    view.field(GracePeriod, &service.grace_period);
    rebalancing(view, service);
    view.field(ServiceName, &service.name);
    view.field(TaskZones, &service.zones);
    deployment(view, &service.deployment);
    placement(view, service);
    scaling(view, service);
    order(view, service, route);
}

/// ECS switches the rebalancing on by itself only where the service is compatible with it: more
/// tasks than the desired ones may run for a while, and ECS places them.
fn rebalancing(view: &mut View<'_, '_>, service: &Service) {
    let most = &service.deployment.maximum_percent;
    let stated = !service.az_rebalancing.is_not_stated();
    let daemon = service.scheduling.as_str() == Some("DAEMON");
    match most {
        _ if stated => view.field(AzRebalancing, &service.az_rebalancing),
        Field::NotSeen(why) => view.hide(AzRebalancing, why),
        _ if let Field::NotSeen(why) = &service.scheduling => view.hide(AzRebalancing, why),
        most if daemon || most.value().is_some_and(|most| *most <= 100) => {
            let place = view.default_of(&service.place);
            view.see_at(AzRebalancing, "DISABLED", place);
        }
        _ => view.default(AzRebalancing, &service.place),
    }
}

fn deployment(view: &mut View<'_, '_>, deployment: &Deployment) {
    view.field(DeploymentController, &deployment.controller);
    view.field(DeploymentStrategy, &deployment.strategy);
    view.field(BakeTime, &deployment.bake);
    view.field(CanaryBakeTime, &deployment.canary_bake);
    view.field(StepBakeTime, &deployment.step_bake);
    view.field(StepPercent, &deployment.step_percent);
    view.field(EarlySuccess, &deployment.early_success);
    view.field(SourceCleanup, &deployment.cleanup);
    view.field(MinimumHealthyPercent, &deployment.minimum_healthy_percent);
    view.field(MaximumPercent, &deployment.maximum_percent);
    view.field(DeploymentAlarms, &deployment.alarms);
    view.field(BreakerThreshold, &deployment.breaker_threshold);
    view.field(BreakerThresholdType, &deployment.breaker_threshold_type);
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
    let hide = |view: &mut View<'_, '_>, settings: &[Setting], why: &str| {
        for setting in settings {
            view.reading.hide(*setting, why);
        }
    };
    match view.model.scaling(service) {
        Scaling::By(target) => {
            view.see(Autoscaling, true, &target.place);
            view.field(TasksMin, &target.min_capacity);
            return view.field(TasksMax, &target.max_capacity);
        }
        Scaling::Perhaps(target) => {
            let place = view.place(&target.place);
            let why = view.uncertain(&target.id);
            let why = why.unwrap_or_else(|| {
                format!(
                    "{} at {place} may scale it: nothing ties it to one service",
                    target.id
                )
            });
            return hide(view, &[Autoscaling, TasksMin, TasksMax], &why);
        }
        Scaling::None if service.scheduling.as_str() == Some("DAEMON") => {
            view.see(Autoscaling, false, &service.place);
            let why = "a daemon has a task on each instance of its cluster";
            return hide(view, &[TasksMin, TasksMax], why);
        }
        Scaling::None => {}
    }
    if let Field::NotSeen(why) = &service.scheduling {
        view.hide(TasksMin, why);
        view.hide(TasksMax, why);
        return view.see(Autoscaling, false, &service.place);
    }
    if let (Source::Template, Some(adder)) = (view.model.source, &view.model.adder) {
        let place = view.place(&adder.origin);
        let why = format!("the {} at {place} may make a scalable target", adder.what);
        return hide(view, &[Autoscaling, TasksMin, TasksMax], &why);
    }
    view.see(Autoscaling, false, &service.place);
    for setting in [TasksMin, TasksMax] {
        if desired.is_not_stated() {
            // "DesiredCount: for new services, if a desired count is not specified, a default value
            // of 1 is used."
            let place = view.default_of(&service.place);
            view.see_at(setting, 1, place);
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
    let uncertain = |forward: &Forward<'_>| view.uncertain(forward.id);
    match route.forwards.iter().find_map(uncertain) {
        Some(why) if !after => _ = view.reading.hide(AfterListener, why),
        _ => view.see(AfterListener, after, &service.place),
    }
}
