//! How many tasks a deployment starts.

use super::wanted::Wanted;
use crate::aws::{Clients, StackState};

/// The tasks of a deployment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tasks {
    /// Those that run already.
    running: u64,
    /// As many as run afterwards at least.
    least: u64,
    /// As many as ever run at once: while old and new ones overlap, where the most run.
    most: u64,
}

impl Tasks {
    /// Those of what would be deployed. Where AWS does not say how many run, a stack that is there
    /// counts as one with the least.
    pub(super) async fn count(clients: &Clients, wanted: &Wanted<'_>) -> Self {
        let least = wanted.least_tasks();
        let running = match wanted.old {
            Some(stack) => running(clients, stack).await.unwrap_or(least),
            None => 0,
        };
        Self::of(running, least, wanted.most_tasks())
    }

    pub(super) fn of(running: u64, least: u64, most: u64) -> Self {
        let least = least.max(running);
        Self {
            running,
            least,
            most: most.max(least),
        }
    }

    /// The same where none that runs is in these subnets.
    pub(super) fn all_anew(self) -> Self {
        Self { running: 0, ..self }
    }

    /// Those that certainly start beside the ones that run.
    pub(super) fn starting(self) -> u64 {
        self.least - self.running
    }

    /// Those that may start beside the ones that run.
    pub(super) fn at_most_starting(self) -> u64 {
        self.most - self.running
    }

    /// As many as run afterwards at least.
    pub(super) fn least(self) -> u64 {
        self.least
    }

    /// As many as ever run at once.
    pub(super) fn most(self) -> u64 {
        self.most
    }
}

/// So many tasks, in words.
pub(super) fn counted(tasks: u64) -> String {
    match tasks {
        1 => "1 task".to_owned(),
        _ => format!("{tasks} tasks"),
    }
}

/// The tasks that a stack has already, where AWS says so.
async fn running(clients: &Clients, stack: &StackState) -> Option<u64> {
    let resources = clients.resources(&stack.name).await.ok()?;
    let of = |kind: &'static str| resources.iter().filter(move |one| one.kind == kind);
    let cluster = of("AWS::ECS::Cluster").next();
    let cluster = cluster.map(|cluster| &*cluster.physical_id);
    let mut tasks = 0;
    for service in of("AWS::ECS::Service") {
        let service = clients.service(&service.physical_id, cluster).await;
        let service = service.ok()??;
        tasks += u64::try_from(service.running + service.pending).ok()?;
    }
    Some(tasks)
}
