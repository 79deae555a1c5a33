//! The service's tasks: how many, what the server is told, how long it may take to stop.

use std::time::Duration;

use aws_model::{Container, Field, Model, Scaling, TaskDefinition, Variable};
use cloudformation::diagnostic::{Mistake, Mistakes};

use super::mistake;

/// What ECS would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Tasks at the start.
    pub count: usize,
    /// The logical id of the target group that they register with.
    pub group: String,
    /// The server's environment, as the template has it, without what is local to a machine:
    /// addresses and secrets.
    pub environment: Vec<(String, String)>,
    /// The store that the template names.
    pub store: Store,
    /// The names of the task's other containers, which do not run here.
    pub others: Vec<String>,
    /// From SIGTERM to SIGKILL: 30 s unless stated.
    pub stop_timeout: Duration,
    /// How long a new task may fail its health checks.
    pub grace_period: Duration,
    /// The most tasks in a deployment, in percent of `count`: 200 unless stated.
    pub maximum_percent: usize,
    /// The fewest healthy tasks in a deployment, in percent of `count`: 100 unless stated.
    pub minimum_healthy_percent: usize,
}

impl Task {
    /// Whether one task runs at a time, in a deployment too.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.count == 1 && self.maximum_percent <= 100
    }
}

/// The server's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// `memory` or `file:…`: the server's own.
    Own(String),
    /// A Redis: AWS's, or at a URL that is not this machine's.
    Redis,
    /// The same as a cluster, of so many shards.
    Cluster(usize),
}

/// The shards of a cluster whose number the template does not say.
const SHARDS: usize = 3;

/// Addresses are given to each process here, and secrets come from AWS.
const LOCAL: [&str; 6] = [
    "BIND",
    "ADMIN_BIND",
    "NODE_ID",
    "STORE",
    "STORE_USERNAME",
    "STORE_PASSWORD",
];

pub(super) fn convert(model: &Model) -> Result<Task, Mistakes> {
    let [service] = &model.services[..] else {
        let message = format!(
            "the template has {} ECS services; it takes one to run it here",
            model.services.len()
        );
        return Err(Mistake::nowhere(message).into());
    };
    let target = service.targets.items().first();
    let group = target.and_then(|target| {
        let mut groups = model.target_groups.iter();
        groups.find(|group| target.groups.contains(&group.id))
    });
    let (Some(target), Some(group)) = (target, group) else {
        let message = "the service's target group is not part of this template";
        return Err(mistake(service.targets.place(), &service.place, message).into());
    };
    let Some(definition) = model.task_definition(service) else {
        let message = "the service's task definition is not part of this template";
        return Err(mistake(service.task_definition.place(), &service.place, message).into());
    };
    let name = target.container.as_str().unwrap_or_default();
    let mut containers = definition.containers.items().iter();
    let Some(container) = containers.find(|container| container.name.as_str() == Some(name)) else {
        let message =
            format!("the task definition has no container {name:?}, which the service names");
        return Err(mistake(None, &definition.place, message).into());
    };
    let (environment, store) = environment(model, definition, container)?;
    let others = definition.containers.items().iter();
    let others = others.filter(|other| !std::ptr::eq(*other, container));
    let names = others.filter_map(|other| other.name.value().cloned());
    let deployment = &service.deployment;
    let number = |field: &Field<u64>| field.value().and_then(|n| usize::try_from(*n).ok());
    // As many as the service starts with: its own number, or the least that scaling keeps.
    let least = || match model.scaling(service) {
        Scaling::By(target) => number(&target.min_capacity),
        Scaling::None | Scaling::Perhaps(_) => None,
    };
    Ok(Task {
        count: number(&service.desired_count).or_else(least).unwrap_or(1),
        group: group.id.clone(),
        environment,
        store,
        others: names.collect(),
        stop_timeout: container
            .stop_timeout
            .value()
            .copied()
            .unwrap_or(Duration::from_secs(30)),
        grace_period: service.grace_period.value().copied().unwrap_or_default(),
        maximum_percent: number(&deployment.maximum_percent).unwrap_or(200),
        minimum_healthy_percent: number(&deployment.minimum_healthy_percent).unwrap_or(100),
    })
}

fn environment(
    model: &Model,
    definition: &TaskDefinition,
    container: &Container,
) -> Result<(Vec<(String, String)>, Store), Mistakes> {
    let mut mistakes = Mistakes::default();
    let (mut environment, mut store) = (vec![], Store::Own("memory".to_owned()));
    for variable in container.environment.items() {
        let Some(name) = variable.name.as_str() else {
            continue;
        };
        let known = variable.value.as_str();
        if name == "STORE" {
            let own = known.filter(|store| *store == "memory" || store.starts_with("file:"));
            store = own.map_or_else(|| redis(model, variable), |own| Store::Own(own.to_owned()));
        }
        match known {
            _ if LOCAL.contains(&name) => {}
            Some(known) => environment.push((name.to_owned(), known.to_owned())),
            None => {
                let message = format!("only AWS knows the value of the server's variable {name}");
                mistakes.push(mistake(variable.value.place(), &definition.place, message));
            }
        }
    }
    mistakes.or((environment, store))
}

/// A Redis, or a cluster of as many shards as the template's has.
fn redis(model: &Model, store: &Variable) -> Store {
    let known = store.value.as_str().or(store.beginning.as_deref());
    let scheme = known.and_then(|url| url.split(':').next());
    if !scheme.is_some_and(|scheme| scheme.ends_with("+cluster")) {
        return Store::Redis;
    }
    let mut groups = model.replication_groups.iter();
    let group = groups.find(|group| store.refers_to.contains(&group.id));
    let shards = group.and_then(|group| group.shards.value());
    let shards = shards.and_then(|shards| usize::try_from(*shards).ok());
    Store::Cluster(shards.unwrap_or(SHARDS))
}
