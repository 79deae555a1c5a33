//! The tasks that a service runs now: the nodes that clients meet.

use std::time::SystemTime;

use aws_sdk_ecs::types::Task;

use super::{Clients, Error, failed, time};

/// Tasks that one request may name ("DescribeTasks", ECS API reference).
const TASKS: usize = 100;

/// A task that runs, or starts, or stops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningTask {
    /// Its id.
    pub id: String,
    /// The task definition's ARN.
    pub task_definition: String,
    /// `PENDING`, `RUNNING`, `DEACTIVATING` and so on.
    pub status: String,
    /// The address of its network interface; empty before it has one.
    pub address: String,
    /// Its availability zone.
    pub zone: String,
    /// Since when it runs.
    pub started: Option<SystemTime>,
}

impl Clients {
    /// The tasks of a service that are not stopped, the oldest first.
    ///
    /// # Errors
    /// AWS refuses a call.
    pub async fn running_tasks(
        &self,
        cluster: &str,
        service: &str,
    ) -> Result<Vec<RunningTask>, Error> {
        let pages = self
            .services
            .list_tasks()
            .cluster(cluster)
            .service_name(service)
            .into_paginator()
            .items()
            .send();
        let listed = pages.collect::<Result<Vec<_>, _>>().await;
        let arns = listed.map_err(failed("list the tasks"))?;
        let mut tasks = Vec::new();
        for some in arns.chunks(TASKS) {
            let request = self
                .services
                .describe_tasks()
                .cluster(cluster)
                .set_tasks(Some(some.to_vec()));
            let found = request.send().await.map_err(failed("describe the tasks"))?;
            tasks.extend(found.tasks().iter().map(task));
        }
        tasks.sort_by(|a, b| (a.started, &a.id).cmp(&(b.started, &b.id)));
        Ok(tasks)
    }
}

fn task(task: &Task) -> RunningTask {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let details = task
        .attachments()
        .iter()
        .flat_map(|attachment| attachment.details());
    let address = details
        .filter(|detail| detail.name() == Some("privateIPv4Address"))
        .find_map(|detail| detail.value());
    let arn = task.task_arn().unwrap_or_default();
    RunningTask {
        id: arn.rsplit('/').next().unwrap_or(arn).to_owned(),
        task_definition: text(task.task_definition_arn()),
        status: text(task.last_status()),
        address: text(address),
        zone: text(task.availability_zone()),
        started: time(task.started_at()),
    }
}
