//! Asks AWS how a stack stands.

use std::collections::BTreeMap;

use super::facts::{DEPLOYMENTS, alarms};
use super::{Node, Service, Status};
use crate::aws::{Clients, Error, Kind, Resource, RunningTask, StoppedTask, Target};
use crate::history::{Origin, PreviousDeployment};
use crate::logs::task_of;
use crate::stack_operation::Cause;

/// Reasons of stopped tasks that are shown.
const REASONS: usize = 3;

/// What the nodes of tasks call themselves, by the task's id. A name does not change: what is known
/// is not asked again.
pub type Names = BTreeMap<String, String>;

/// What the caller may not see, a line each.
#[derive(Default)]
struct Unseen(Vec<String>);

impl Unseen {
    /// The answer, or nothing where the caller may not see it: the rest is worth showing all the
    /// same.
    fn pass<T: Default>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        match answer {
            Err(error) if error.kind() == Kind::Denied => {
                let text = error.to_string();
                if !self.0.contains(&text) {
                    self.0.push(text);
                }
                Ok(T::default())
            }
            answer => answer,
        }
    }

    /// The answer, or nothing, and why, where there is none: of what is only worth a glance.
    fn glance<T: Default>(&mut self, answer: Result<T, Error>) -> T {
        answer.unwrap_or_else(|error| {
            self.0.push(error.to_string());
            T::default()
        })
    }
}

/// How a stack stands; none where there is no such stack. What the caller may not see is left out,
/// and listed.
///
/// # Errors
/// AWS refuses a call for another reason, or the caller may not see the stack at all.
pub async fn read(
    clients: &Clients,
    stack: &str,
    names: &mut Names,
) -> Result<Option<Status>, Error> {
    let Some(stack) = clients.stack(stack).await? else {
        return Ok(None);
    };
    // By its ARN, in case that another of the name takes its place meanwhile.
    let failed = stack.status.contains("ROLLBACK") || stack.status.ends_with("_FAILED");
    let mut unseen = Unseen::default();
    let cause = match failed {
        true => Cause::first(&unseen.pass(clients.events(&stack.id, None).await)?),
        false => None,
    };
    let resources = unseen.pass(clients.resources(&stack.id).await)?;
    let of_kind = |kind: &str| {
        let found = resources.iter().filter(|resource| resource.kind == kind);
        let found: Vec<&Resource> = found
            .filter(|resource| !resource.physical_id.is_empty())
            .collect();
        found
    };
    let cluster = of_kind("AWS::ECS::Cluster")
        .first()
        .map(|cluster| cluster.physical_id.clone());
    let log = of_kind("AWS::Logs::LogGroup")
        .first()
        .map(|group| group.physical_id.clone());
    let (mut services, mut gone) = (Vec::new(), Vec::new());
    for service in of_kind("AWS::ECS::Service") {
        let found = clients
            .service(&service.physical_id, cluster.as_deref())
            .await;
        let is_seen = found.is_ok();
        if let Some(state) = unseen.pass(found)? {
            let mut service = Service {
                state,
                ..Service::default()
            };
            service
                .read(clients, log.as_deref(), names, &mut unseen)
                .await?;
            services.push(service);
        } else if is_seen && !stack.is_busy() && !service.status.starts_with("DELETE") {
            gone.push(service.logical_id.clone());
        }
    }
    let operations = unseen.glance(clients.operations(&stack.id, DEPLOYMENTS).await);
    let alarms = unseen.glance(alarms(clients, &stack.name, &resources).await);
    let template = match clients.template(&stack.id).await {
        // Of a stack that is only planned.
        Err(error) if error.kind() == Kind::Missing => String::new(),
        template => unseen.pass(template)?,
    };
    Ok(Some(Status {
        stack,
        origin: Origin::of(&template),
        previous: PreviousDeployment::of(&template),
        cause,
        services,
        gone,
        operations,
        alarms,
        connections: None,
        unseen: unseen.0,
    }))
}

impl Service {
    async fn read(
        &mut self,
        clients: &Clients,
        log: Option<&str>,
        names: &mut Names,
        unseen: &mut Unseen,
    ) -> Result<(), Error> {
        let tasks = clients
            .running_tasks(&self.state.cluster, &self.state.name)
            .await;
        let tasks = unseen.pass(tasks)?;
        for group in &self.state.target_groups {
            let targets = clients.targets(group).await;
            self.targets_unseen |= targets.is_err();
            self.targets.extend(unseen.pass(targets)?);
        }
        if let Some(log) = log {
            let unknown: Vec<_> = tasks
                .iter()
                .filter(|task| !names.contains_key(&task.id))
                .collect();
            unseen.pass(learn(clients, log, &unknown, names).await)?;
        }
        for task in tasks {
            let of_task = |target: &Target| is_at(target, &task.address);
            let targets = std::mem::take(&mut self.targets).into_iter();
            let (own, others): (Vec<_>, _) = targets.partition(of_task);
            self.targets = others;
            self.nodes.push(Node {
                name: names.get(&task.id).cloned(),
                // Of several target groups, the one where it is worse off.
                target: own.into_iter().min_by_key(|one| one.state == "healthy"),
                task,
            });
        }
        let stopped = clients
            .stopped_tasks(&self.state.cluster, &self.state.name)
            .await;
        let mut stopped = unseen.pass(stopped)?;
        stopped.retain(|task| !task.was_retired());
        for why in stopped.iter().rev().map(StoppedTask::why) {
            if !self.stopped.contains(&why) && self.stopped.len() < REASONS {
                self.stopped.insert(0, why);
            }
        }
        Ok(())
    }
}

/// Whether a target is the one at this address.
fn is_at(target: &Target, address: &str) -> bool {
    let host = target
        .address
        .rsplit_once(':')
        .map_or(target.address.as_str(), |(host, _)| host);
    !address.is_empty() && host == address
}

/// Asks the log what the nodes of tasks call themselves.
async fn learn(
    clients: &Clients,
    log: &str,
    tasks: &[&RunningTask],
    names: &mut Names,
) -> Result<(), Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    let streams = match clients.log_streams(log).await {
        Err(error) if error.kind() == Kind::Missing => return Ok(()),
        streams => streams?,
    };
    for stream in streams {
        let task = task_of(&stream);
        if tasks.iter().any(|unknown| unknown.id == task)
            && let Some(name) = clients.node_of_stream(log, &stream).await?
        {
            names.insert(task.to_owned(), name);
        }
    }
    Ok(())
}
