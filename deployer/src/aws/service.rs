//! ECS services, and the task definitions that they really run.

use std::time::Duration;

use aws_model::{
    Container, Deployment, Field, Pattern, Service, Target, TaskDefinition, Variable, minutes,
};
use aws_sdk_ecs::types;
use cloudformation::node::Origin;

use super::live::{Live, number, seconds, text};
use super::{Clients, Error, failed, scaling};

pub(super) async fn read(
    clients: &Clients,
    cluster: Option<&str>,
    arn: &str,
    live: &mut Live,
) -> Result<Vec<String>, Error> {
    let what = "describe the service";
    // The ARN names the cluster, unless it is an old one.
    let named = arn
        .rsplit(":service/")
        .next()
        .and_then(|path| path.split_once('/'))
        .map(|(cluster, _)| cluster);
    let request = clients
        .services
        .describe_services()
        .set_cluster(named.or(cluster).map(str::to_owned))
        .services(arn);
    let answer = request.send().await.map_err(failed(what))?;
    let Some(service) = answer.services().first() else {
        return Ok(Vec::new());
    };
    let zones = zones(clients, service).await?;
    if let Some(definition) = service.task_definition() {
        let what = "describe the task definition";
        let answer = clients
            .services
            .describe_task_definition()
            .task_definition(definition)
            .send()
            .await
            .map_err(failed(what))?;
        if let Some(task) = answer.task_definition() {
            let task = task_definition(task, definition, live);
            live.model.task_definitions.push(task);
        }
    }
    let arn = service.service_arn().unwrap_or(arn);
    let cluster = service.cluster_arn().and_then(|arn| arn.rsplit('/').next());
    if let (Some(cluster), Some(name)) = (cluster, service.service_name()) {
        scaling::read(clients, &format!("service/{cluster}/{name}"), arn, live).await;
    }
    let converted = self::service(service, zones, arn, live);
    live.model.services.push(converted);
    Ok(service
        .load_balancers()
        .iter()
        .filter_map(|target| target.target_group_arn())
        .map(str::to_owned)
        .collect())
}

/// The zones in which the service's tasks run now.
async fn zones(clients: &Clients, service: &types::Service) -> Result<Vec<String>, Error> {
    let what = "describe the tasks";
    let list = clients
        .services
        .list_tasks()
        .set_cluster(service.cluster_arn().map(str::to_owned))
        .set_service_name(service.service_name().map(str::to_owned));
    let arns = list
        .send()
        .await
        .map_err(failed(what))?
        .task_arns
        .unwrap_or_default();
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let describe = clients
        .services
        .describe_tasks()
        .set_cluster(service.cluster_arn().map(str::to_owned))
        .set_tasks(Some(arns));
    let answer = describe.send().await.map_err(failed(what))?;
    let mut zones: Vec<String> = answer
        .tasks()
        .iter()
        .filter_map(|task| task.availability_zone())
        .map(str::to_owned)
        .collect();
    zones.sort();
    zones.dedup();
    Ok(zones)
}

fn service(service: &types::Service, zones: Vec<String>, arn: &str, live: &Live) -> Service {
    let (id, place) = live.identity(arn);
    let place = &place;
    let target = |target: &types::LoadBalancer| Target {
        groups: live
            .reference(target.target_group_arn(), place)
            .value()
            .cloned()
            .into_iter()
            .collect(),
        container: text(target.container_name(), place),
        port: number(target.container_port(), place),
        alternates: live
            .reference(
                target
                    .advanced_configuration()
                    .and_then(|more| more.alternate_target_group_arn()),
                place,
            )
            .value()
            .cloned()
            .into_iter()
            .collect(),
    };
    let strategy = service.capacity_provider_strategy().iter();
    let providers: Vec<_> = strategy
        .map(|item| item.capacity_provider().to_owned())
        .collect();
    let launch_type = service.launch_type().map(|kind| kind.as_str().to_owned());
    let rebalancing = service.availability_zone_rebalancing();
    let network = service.network_configuration();
    let network = network.and_then(|network| network.awsvpc_configuration());
    let groups = network.map(|network| network.security_groups().to_vec());
    Service {
        id,
        name: text(service.service_name(), place),
        pattern: service.service_name().map(Pattern::text),
        scheduling: text(
            service.scheduling_strategy().map(|kind| kind.as_str()),
            place,
        ),
        task_definition: live.reference(service.task_definition(), place),
        targets: stated(service.load_balancers().iter().map(target), place),
        desired_count: number(Some(service.desired_count()), place),
        grace_period: seconds(service.health_check_grace_period_seconds(), place),
        launch_type: Field::live_or_unset(launch_type, place),
        capacity_providers: Field::live_or_unset(unless_empty(providers), place),
        az_rebalancing: text(rebalancing.map(|rebalancing| rebalancing.as_str()), place),
        zones: Field::live_or_unset(unless_empty(zones), place),
        security_groups: Field::live_or_unset(groups, place),
        deployment: deployment(service, place),
        created_after: Vec::new(),
        place: place.clone(),
    }
}

fn deployment(service: &types::Service, place: &Origin) -> Deployment {
    let answer = service.deployment_configuration();
    // A service that was made before there were others has no controller and no strategy.
    let controller = service.deployment_controller();
    let word = |word: Option<&str>| Field::live_or_unset(word.map(str::to_owned), place);
    let time = |answer: Option<i32>| {
        let answer = answer.and_then(|n| u64::try_from(n).ok());
        Field::live_or_unset(answer.map(minutes), place)
    };
    let canary = answer.and_then(|answer| answer.canary_configuration());
    let linear = answer.and_then(|answer| answer.linear_configuration());
    let percent = linear.and_then(|linear| linear.step_percent());
    let early = answer.and_then(|answer| answer.early_success_criteria());
    let cleanup = early.and_then(|early| early.source_service_revision_cleanup());
    let breaker = answer.and_then(|deployment| deployment.deployment_circuit_breaker());
    let threshold = breaker.and_then(|breaker| breaker.threshold_configuration());
    let alarms = answer.and_then(|deployment| deployment.alarms());
    let alarms = alarms.filter(|alarms| alarms.enable());
    Deployment {
        controller: word(controller.map(|controller| controller.r#type().as_str())),
        strategy: word(
            answer
                .and_then(|answer| answer.strategy())
                .map(|kind| kind.as_str()),
        ),
        bake: time(answer.and_then(|answer| answer.bake_time_in_minutes())),
        canary_bake: time(canary.and_then(|canary| canary.canary_bake_time_in_minutes())),
        step_bake: time(linear.and_then(|linear| linear.step_bake_time_in_minutes())),
        // Percentages are between 3 and 100.
        step_percent: Field::live_or_unset(percent.map(|percent| percent as u64), place),
        early_success: Field::live_or_unset(early.map(|early| early.enable()), place),
        cleanup: word(cleanup.map(|cleanup| cleanup.as_str())),
        minimum_healthy_percent: number(
            answer.and_then(types::DeploymentConfiguration::minimum_healthy_percent),
            place,
        ),
        maximum_percent: number(
            answer.and_then(types::DeploymentConfiguration::maximum_percent),
            place,
        ),
        breaker_enabled: Field::live(breaker.map(|breaker| breaker.enable()), place),
        breaker_rolls_back: Field::live(breaker.map(|breaker| breaker.rollback()), place),
        breaker_threshold: Field::live_or_unset(
            threshold.and_then(|threshold| u64::try_from(threshold.value()).ok()),
            place,
        ),
        breaker_threshold_type: word(threshold.map(|threshold| threshold.r#type().as_str())),
        alarms: Field::live(alarms.map(|alarms| alarms.alarm_names().to_vec()), place),
    }
}

fn task_definition(task: &types::TaskDefinition, arn: &str, live: &Live) -> TaskDefinition {
    let (id, place) = live.identity(arn);
    let size = |answer: Option<&str>| {
        aws_model::size(Field::live_or_unset(answer.map(str::to_owned), &place))
    };
    let containers = task.container_definitions().iter();
    TaskDefinition {
        id,
        network_mode: text(task.network_mode().map(|mode| mode.as_str()), &place),
        cpu: size(task.cpu()),
        memory: size(task.memory()),
        containers: stated(containers.map(|found| container(found, &place)), &place),
        place,
    }
}

fn container(container: &types::ContainerDefinition, place: &Origin) -> Container {
    let port = |mapping: &types::PortMapping| u16::try_from(mapping.container_port()?).ok();
    let ports = container.port_mappings().iter().map(port).collect();
    let variable = |variable: &types::KeyValuePair| Variable {
        name: text(variable.name(), place),
        value: text(variable.value(), place),
        beginning: None,
        refers_to: Vec::new(),
    };
    let mut limits = container.ulimits().iter();
    let nofile = limits.find(|limit| limit.name() == &types::UlimitName::Nofile);
    let nofile = nofile.and_then(|limit| u64::try_from(limit.soft_limit()).ok());
    let memory = container.memory().and_then(|n| u64::try_from(n).ok());
    let stop_timeout = container.stop_timeout().and_then(|n| u64::try_from(n).ok());
    let labels = container.docker_labels().into_iter().flatten();
    // Names alone: what a secret holds is nobody's business here.
    let secrets = container.secrets().iter();
    Container {
        name: text(container.name(), place),
        ports: Field::live(ports, place),
        memory: Field::live_or_unset(memory, place),
        stop_timeout: Field::live_or_unset(stop_timeout.map(Duration::from_secs), place),
        nofile: Field::live_or_unset(nofile, place),
        environment: stated(container.environment().iter().map(variable), place),
        has_files: !container.environment_files().is_empty(),
        secrets: secrets.map(|secret| secret.name().to_owned()).collect(),
        labels: labels
            .map(|(name, value)| (name.clone(), text(Some(value), place)))
            .collect(),
        place: place.clone(),
    }
}

fn stated<T>(items: impl Iterator<Item = T>, place: &Origin) -> Field<Vec<T>> {
    Field::Stated(items.collect(), place.clone())
}

fn unless_empty(items: Vec<String>) -> Option<Vec<String>> {
    (!items.is_empty()).then_some(items)
}
