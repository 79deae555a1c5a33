//! The service's tasks: how many, what the server is told, how long it may take to stop.

use std::time::Duration;

use super::{list, mistake, seconds, text};
use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::node::Node;
use cloudformation::template::{Rendered, Resource};

/// What ECS would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Tasks at the start.
    pub count: usize,
    /// The logical id of the target group that they register with.
    pub group: String,
    /// The server's environment, as the template has it, without what is local to a machine: addresses and secrets.
    pub environment: Vec<(String, String)>,
    /// The store that the template names.
    pub store: Store,
    /// From SIGTERM to SIGKILL: 30 s unless stated.
    pub stop_timeout: Duration,
    /// How long a new task may fail its health checks.
    pub grace_period: Duration,
    /// The most tasks in a deployment, in percent of `count`: 200 unless stated.
    pub maximum_percent: usize,
    /// The fewest healthy tasks in a deployment, in percent of `count`: 100 unless stated.
    pub minimum_healthy_percent: usize,
}

/// The server's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// `memory` or `file:…`: the server's own.
    Own(String),
    /// A Redis: AWS's, or at a URL that is not this machine's.
    Redis,
}

/// Addresses are given to each process here, and secrets come from AWS.
const LOCAL: [&str; 6] = [
    "BIND",
    "ADMIN_BIND",
    "NODE_ID",
    "STORE",
    "STORE_USERNAME",
    "STORE_PASSWORD",
];

pub(super) fn read(rendered: &Rendered) -> Result<Task, Mistakes> {
    let services: Vec<_> = rendered.of_type("AWS::ECS::Service").collect();
    let [service] = services[..] else {
        let message = format!(
            "the template has {} ECS services; it takes one to run it here",
            services.len()
        );
        return Err(Mistake::nowhere(message).into());
    };
    let properties = &service.properties;
    let unknown = |property: &str, what: &str| mistake(service, properties.at(property), what);
    let group = properties
        .at("LoadBalancers.0.TargetGroupArn")
        .and_then(|arn| rendered.referred(arn));
    let group = group.ok_or_else(|| {
        unknown(
            "LoadBalancers",
            "the service's target group is not part of this template",
        )
    })?;
    let definition = properties
        .get("TaskDefinition")
        .and_then(|definition| rendered.referred(definition));
    let definition = definition.ok_or_else(|| {
        unknown(
            "TaskDefinition",
            "the service's task definition is not part of this template",
        )
    })?;
    let name = text(properties, "LoadBalancers.0.ContainerName").unwrap_or_default();
    let mut containers = list(&definition.properties, "ContainerDefinitions").iter();
    let container = containers.find(|container| text(container, "Name") == Some(name));
    let container = container.ok_or_else(|| {
        mistake(
            definition,
            None,
            format!("the task definition has no container {name:?}, which the service names"),
        )
    })?;
    let (environment, store) = environment(definition, container)?;
    Ok(Task {
        count: count(rendered, service),
        group: group.logical_id.clone(),
        environment,
        store,
        stop_timeout: seconds(container, "StopTimeout").unwrap_or(Duration::from_secs(30)),
        grace_period: seconds(properties, "HealthCheckGracePeriodSeconds").unwrap_or_default(),
        maximum_percent: percent(properties, "MaximumPercent").unwrap_or(200),
        minimum_healthy_percent: percent(properties, "MinimumHealthyPercent").unwrap_or(100),
    })
}

fn percent(properties: &Node, name: &str) -> Option<usize> {
    let configuration = properties.get("DeploymentConfiguration")?;
    usize::try_from(configuration.get(name)?.as_u64()?).ok()
}

/// As many as the service starts with: its own number, or the least that scaling keeps.
fn count(rendered: &Rendered, service: &Resource) -> usize {
    let desired = service
        .properties
        .get("DesiredCount")
        .and_then(Node::as_u64);
    let mut targets = rendered.of_type("AWS::ApplicationAutoScaling::ScalableTarget");
    let least = targets.find_map(|target| target.properties.get("MinCapacity")?.as_u64());
    usize::try_from(desired.or(least).unwrap_or(1)).unwrap_or(1)
}

fn environment(
    definition: &Resource,
    container: &Node,
) -> Result<(Vec<(String, String)>, Store), Mistakes> {
    let mut mistakes = Mistakes::default();
    let (mut environment, mut store) = (vec![], Store::Own("memory".to_owned()));
    for variable in list(container, "Environment") {
        let (Some(name), value) = (text(variable, "Name"), variable.get("Value")) else {
            continue;
        };
        let known = value.and_then(Node::as_text);
        if name == "STORE" {
            let own = known.filter(|store| *store == "memory" || store.starts_with("file:"));
            store = own.map_or(Store::Redis, |own| Store::Own(own.to_owned()));
        }
        match known {
            _ if LOCAL.contains(&name) => {}
            Some(known) => environment.push((name.to_owned(), known.to_owned())),
            None => {
                let message =
                    format!("the value of the server's variable {name} is known to AWS alone");
                mistakes.push(mistake(definition, value, message));
            }
        }
    }
    mistakes.or((environment, store))
}
