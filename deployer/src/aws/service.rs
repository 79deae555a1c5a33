//! ECS services, and the task definitions that they really run, in the form in which a template writes them.

use aws_sdk_ecs::types::{ContainerDefinition, Service, TaskDefinition};
use serde_json::{Value, json};

use super::live::Snapshot;
use super::{Clients, Error, failed};

pub(super) async fn read(
    clients: &Clients,
    cluster: Option<&str>,
    arn: &str,
    snapshot: &mut Snapshot,
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
            snapshot.add(
                definition,
                super::live::TASK_DEFINITION,
                task_properties(task),
            );
        }
    }
    snapshot.add(
        arn,
        super::live::SERVICE,
        service_properties(service, &zones, snapshot),
    );
    Ok(service
        .load_balancers()
        .iter()
        .filter_map(|target| target.target_group_arn())
        .map(str::to_owned)
        .collect())
}

/// The zones in which the service's tasks run now.
async fn zones(clients: &Clients, service: &Service) -> Result<Vec<String>, Error> {
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

fn service_properties(service: &Service, zones: &[String], snapshot: &Snapshot) -> Value {
    let deployment = service.deployment_configuration();
    let breaker = deployment.and_then(|deployment| deployment.deployment_circuit_breaker());
    let alarms = deployment.and_then(|deployment| deployment.alarms());
    let strategy = service
        .capacity_provider_strategy()
        .iter()
        .map(|item| json!({ "CapacityProvider": item.capacity_provider() }));
    let strategy: Vec<_> = strategy.collect();
    json!({
        "TaskDefinition": service.task_definition().map(|arn| snapshot.reference(arn)),
        "LaunchType": service.launch_type().map(|kind| kind.as_str()),
        "CapacityProviderStrategy": (!strategy.is_empty()).then_some(strategy),
        "DesiredCount": service.desired_count(),
        "HealthCheckGracePeriodSeconds": service.health_check_grace_period_seconds(),
        "AvailabilityZoneRebalancing": service.availability_zone_rebalancing().map(|rebalancing| rebalancing.as_str()),
        "AvailabilityZones": (!zones.is_empty()).then_some(zones),
        "DeploymentConfiguration": {
            "MaximumPercent": deployment.and_then(|deployment| deployment.maximum_percent()),
            "MinimumHealthyPercent": deployment.and_then(|deployment| deployment.minimum_healthy_percent()),
            "DeploymentCircuitBreaker": breaker.map(|breaker| json!({ "Enable": breaker.enable(), "Rollback": breaker.rollback() })),
            "Alarms": alarms.map(|alarms| json!({ "AlarmNames": alarms.alarm_names(), "Enable": alarms.enable() })),
        },
        "LoadBalancers": service.load_balancers().iter().map(|target| json!({
            "TargetGroupArn": target.target_group_arn().map(|arn| snapshot.reference(arn)),
            "ContainerName": target.container_name(),
            "ContainerPort": target.container_port(),
        })).collect::<Vec<_>>(),
    })
}

fn task_properties(task: &TaskDefinition) -> Value {
    json!({
        "NetworkMode": task.network_mode().map(|mode| mode.as_str()),
        "Cpu": task.cpu(),
        "Memory": task.memory(),
        "ContainerDefinitions": task.container_definitions().iter().map(container).collect::<Vec<_>>(),
    })
}

fn container(container: &ContainerDefinition) -> Value {
    json!({
        "Name": container.name(),
        "StopTimeout": container.stop_timeout(),
        "DockerLabels": container.docker_labels(),
        "PortMappings": container.port_mappings().iter().map(|mapping| json!({ "ContainerPort": mapping.container_port() })).collect::<Vec<_>>(),
        "Ulimits": container.ulimits().iter().map(|limit| json!({ "Name": limit.name().as_str(), "SoftLimit": limit.soft_limit() })).collect::<Vec<_>>(),
        "Environment": container.environment().iter().map(|variable| json!({ "Name": variable.name(), "Value": variable.value() })).collect::<Vec<_>>(),
        // Names alone: what a secret holds is nobody's business here.
        "Secrets": container.secrets().iter().map(|secret| json!({ "Name": secret.name() })).collect::<Vec<_>>(),
    })
}
