//! A service while ECS changes it: its deployments, its targets' health and the tasks that do not
//! live. Each is told when it is another than before.
//!
//! Tasks and their logs are read as soon as they stop: a creation that fails is undone, and takes
//! both with it.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::Notice;
use crate::aws::{Clients, Deployment, Error, Kind, ServiceState, StoppedTask, Target};

/// The stopped tasks whose logs are read and which are told; a loop of crashes tells nothing new
/// after these.
const TOLD_TASKS: usize = 5;
/// The failing targets that are remembered; more of them tell nothing new either.
const TOLD_TARGETS: usize = 5;

/// What was last seen of a service.
#[derive(Clone, Debug, Default)]
pub struct Rollout {
    /// The service as it was seen last.
    pub service: Option<ServiceState>,
    /// Its targets as they were seen last.
    pub targets: Vec<Target>,
    /// The first tasks that stopped, with what they logged last.
    pub stopped: Vec<StoppedTask>,
    /// The first targets that failed their health checks and have not passed them since, each as it
    /// first failed.
    unhealthy: Vec<Target>,
    seen: BTreeSet<String>,
    /// What AWS does not allow to see, and was told.
    denied: BTreeSet<String>,
    /// How many of the tasks seen count against the new deployment.
    failed: u32,
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
    pub async fn observe(
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
        for mut task in self.allowed(stopped.await, &mut news)? {
            let wanted = self.task_definition.as_ref();
            let another = wanted.is_some_and(|wanted| *wanted != task.task_definition);
            let before = self
                .since
                .is_some_and(|since| task.stopped.is_some_and(|at| at < since));
            if another || before || task.was_retired() || !self.seen.insert(task.arn.clone()) {
                continue;
            }
            if !self.is_of_older(&task, &service) {
                self.failed += 1;
            }
            if self.stopped.len() < TOLD_TASKS {
                clients.add_last_words(&mut task).await;
                news.push(Notice::TaskStopped(task.clone()));
                self.stopped.push(task);
            }
        }
        let mut targets = Vec::new();
        for group in &service.target_groups {
            targets.extend(self.allowed(clients.targets(group).await, &mut news)?);
        }
        if self.targets != targets {
            news.push(Notice::Targets(targets.clone()));
        }
        self.remember(&targets);
        self.targets = targets;
        self.service = Some(service);
        Ok(news)
    }

    /// What AWS answers; nothing, told once, where it does not allow to ask. It is for people: the
    /// deployment does not depend on it.
    fn allowed<T: Default>(
        &mut self,
        answer: Result<T, Error>,
        news: &mut Vec<Notice>,
    ) -> Result<T, Error> {
        match answer {
            Err(error) if error.kind() == Kind::Denied => {
                let text = error.to_string();
                if self.denied.insert(text.clone()) {
                    news.push(Notice::Trouble(text));
                }
                Ok(T::default())
            }
            answer => answer,
        }
    }

    /// How many tasks of the new deployment did not live.
    #[must_use]
    pub fn failures(&self) -> u32 {
        let deployments = self.service.iter().flat_map(|service| &service.deployments);
        let counted = deployments
            .filter(|deployment| deployment.status == "PRIMARY" && self.is_new(deployment))
            .map(|deployment| deployment.failed)
            .max()
            .unwrap_or(0);
        u32::try_from(counted).unwrap_or(0).max(self.failed)
    }

    /// Whether it was there before what is looked at began: a loop of crashes may be what the new
    /// deployment puts an end to.
    fn is_older(&self, deployment: &Deployment) -> bool {
        self.since
            .is_some_and(|since| deployment.created.is_some_and(|created| created < since))
    }

    /// Whether it is the new deployment: the newest is still the old one for a while. A task
    /// definition does not tell by itself, since a change of its tags alone leaves the ARN as it
    /// was.
    fn is_new(&self, deployment: &Deployment) -> bool {
        let known = match &self.task_definition {
            Some(wanted) => *wanted == deployment.task_definition,
            None => self.since.is_some() && deployment.created.is_some(),
        };
        known && !self.is_older(deployment)
    }

    /// Whether a deployment that was there before started a task.
    fn is_of_older(&self, task: &StoppedTask, service: &ServiceState) -> bool {
        let mut deployments = service.deployments.iter();
        deployments.any(|deployment| deployment.id == task.started_by && self.is_older(deployment))
    }

    /// The first targets that failed their health checks, and never passed them since.
    #[must_use]
    pub fn unhealthy(&self) -> Vec<Target> {
        self.unhealthy.clone()
    }

    /// Keeps the first reason of each target that fails its health checks: it drains once the
    /// deployment is undone, and tells it no more. One that starts to answer after all is no cause.
    fn remember(&mut self, targets: &[Target]) {
        for target in targets {
            let known = |failing: &Target| failing.address == target.address;
            match target.state.as_str() {
                "healthy" => self.unhealthy.retain(|failing| !known(failing)),
                "unhealthy"
                    if self.unhealthy.len() < TOLD_TARGETS && !self.unhealthy.iter().any(known) =>
                {
                    self.unhealthy.push(target.clone());
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NEW: &str = "arn:aws:ecs:eu-west-1:1:task-definition/drops:42";
    const OLD: &str = "arn:aws:ecs:eu-west-1:1:task-definition/drops:41";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn primary(task_definition: &str, created: Option<u64>) -> Deployment {
        Deployment {
            status: "PRIMARY".to_owned(),
            task_definition: task_definition.to_owned(),
            failed: 9,
            created: created.map(at),
            ..Deployment::default()
        }
    }

    #[test]
    fn only_failures_of_this_deployment_count() {
        // The operation began at 100.
        let cases = [
            ("a loop of crashes before it", Some(NEW), OLD, Some(50), 0),
            ("the same, of unknown age", Some(NEW), OLD, None, 0),
            ("what is deployed", Some(NEW), NEW, Some(150), 9),
            ("the same, of unknown age", Some(NEW), NEW, None, 9),
            // Its tags alone have changed: the ARN is the same.
            ("a task definition kept", Some(OLD), OLD, Some(50), 0),
            ("the same, deployed anew", Some(OLD), OLD, Some(150), 9),
            ("none known, before it", None, OLD, Some(50), 0),
            ("none known, deployed anew", None, OLD, Some(150), 9),
            ("nothing known", None, OLD, None, 0),
        ];
        for (what, about, found, created, expected) in cases {
            let mut rollout = Rollout::since(Some(at(100)));
            rollout.service = Some(ServiceState {
                deployments: vec![primary(found, created)],
                ..ServiceState::default()
            });
            if let Some(about) = about {
                rollout.about(about);
            }
            assert_eq!(
                rollout.failures(),
                expected,
                "{what}: {about:?} {created:?}"
            );
        }
    }

    #[test]
    fn what_failed_its_health_checks_is_remembered() {
        let target = |address: &str, state: &str, reason: &str| Target {
            address: address.to_owned(),
            state: state.to_owned(),
            reason: reason.to_owned(),
        };
        let mut rollout = Rollout::default();
        let looks = [
            vec![
                target("10.0.0.1:8080", "unhealthy", "Target.Timeout"),
                target("10.0.0.2:8080", "unhealthy", "Target.ResponseCodeMismatch"),
            ],
            // The one drains, and the other starts to answer.
            vec![
                target("10.0.0.1:8080", "unhealthy", "Target.FailedHealthChecks"),
                target("10.0.0.2:8080", "healthy", ""),
            ],
            vec![target(
                "10.0.0.1:8080",
                "draining",
                "Target.DeregistrationInProgress",
            )],
            Vec::new(),
        ];
        for targets in looks {
            rollout.remember(&targets);
        }
        let first = target("10.0.0.1:8080", "unhealthy", "Target.Timeout");
        assert_eq!(rollout.unhealthy, [first]);

        let many: Vec<_> = (0..20)
            .map(|n| target(&format!("10.0.1.{n}:8080"), "unhealthy", ""))
            .collect();
        rollout.remember(&many);
        assert_eq!(rollout.unhealthy.len(), TOLD_TARGETS);
    }
}
