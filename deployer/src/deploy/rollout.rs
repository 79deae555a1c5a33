//! A service while ECS changes it: its deployments, its targets' health and the tasks that do not live. Each is told
//! when it is another than before.
//!
//! Tasks and their logs are read as soon as they stop: a creation that fails is undone, and takes both with it.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::Notice;
use crate::aws::{Clients, Error, ServiceState, StoppedTask, Target};

/// The stopped tasks whose logs are read and which are told; a loop of crashes tells nothing new after these.
const TOLD_TASKS: usize = 5;

/// What was last seen of a service.
#[derive(Clone, Debug, Default)]
pub struct Rollout {
    /// The service as it was seen last.
    pub service: Option<ServiceState>,
    /// Its targets as they were seen last.
    pub targets: Vec<Target>,
    /// The first tasks that stopped, with what they logged last.
    pub stopped: Vec<StoppedTask>,
    seen: BTreeSet<String>,
    /// What happened before is not this deployment's.
    since: Option<SystemTime>,
    /// Tasks of another task definition are not this deployment's; none: of any.
    task_definition: Option<String>,
}

impl Rollout {
    /// Looks at what happens from a time on, by AWS's clock.
    #[must_use]
    pub fn since(since: Option<SystemTime>) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// Looks at tasks of one task definition alone: those that it replaces stop too.
    pub fn about(&mut self, task_definition: &str) {
        self.task_definition = Some(task_definition.to_owned());
    }

    /// Looks at the service, and gives what is new.
    ///
    /// # Errors
    /// AWS refuses a call.
    pub async fn look(
        &mut self,
        clients: &Clients,
        service: &str,
        cluster: Option<&str>,
    ) -> Result<Vec<Notice>, Error> {
        let mut news = Vec::new();
        let Some(service) = clients.service(service, cluster).await? else {
            return Ok(news);
        };
        if self.service.as_ref() != Some(&service) {
            news.push(Notice::Service(service.clone()));
        }
        let stopped = clients.stopped_tasks(&service.cluster, &service.name);
        for mut task in stopped.await? {
            let wanted = self.task_definition.as_ref();
            let another = wanted.is_some_and(|wanted| *wanted != task.task_definition);
            let before = self
                .since
                .is_some_and(|since| task.stopped.is_some_and(|at| at < since));
            if another || before || task.was_retired() || !self.seen.insert(task.arn.clone()) {
                continue;
            }
            if self.stopped.len() < TOLD_TASKS {
                clients.add_last_words(&mut task).await;
                news.push(Notice::TaskStopped(task.clone()));
                self.stopped.push(task);
            }
        }
        let mut targets = Vec::new();
        for group in &service.target_groups {
            targets.extend(clients.targets(group).await?);
        }
        if self.targets != targets {
            news.push(Notice::Targets(targets.clone()));
        }
        self.targets = targets;
        self.service = Some(service);
        Ok(news)
    }

    /// How many tasks of the newest deployment did not live.
    #[must_use]
    pub fn failures(&self) -> u32 {
        let deployments = self.service.iter().flat_map(|service| &service.deployments);
        let newest = deployments.filter(|deployment| deployment.status == "PRIMARY");
        let counted = newest
            .map(|deployment| deployment.failed)
            .max()
            .unwrap_or(0);
        let seen = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
        u32::try_from(counted).unwrap_or(0).max(seen)
    }

    /// The targets that fail their health checks.
    #[must_use]
    pub fn unhealthy(&self) -> Vec<Target> {
        let failing = |target: &&Target| target.state == "unhealthy";
        self.targets.iter().filter(failing).cloned().collect()
    }
}
