//! Waits until ECS runs the very task definition that was deployed. "The service is stable" is not enough: it is stable
//! after a roll-back too, on the old one.

use std::time::Duration;

use tokio::time::Instant;

use super::notice::{revision, short};
use super::pace::Pace;
use super::{Limits, Notice, Reporter, Rollout, Stopped};
use crate::aws::{Clients, ServiceState};

/// The longest that nothing is told.
const SILENCE: Duration = Duration::from_secs(25);
/// How long a service may take to be seen.
const OUTAGE: Duration = Duration::from_secs(300);

/// Where a service stands with respect to a task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It runs it, with all tasks that it should have, and nothing else.
    Yes,
    /// Not yet; what is missing.
    NotYet(String),
    /// It will not: ECS went back to another, or gave up.
    No(String),
}

/// Whether a service runs this task definition.
#[must_use]
pub fn verdict(service: &ServiceState, task_definition: &str) -> Settled {
    let wanted = revision(task_definition);
    let is_wanted = |found: &str| revision(found) == wanted;
    let Some(primary) = service.deployments.iter().find(|d| d.status == "PRIMARY") else {
        return Settled::NotYet("the service has no deployment".to_owned());
    };
    let reason = &primary.reason;
    if !is_wanted(&primary.task_definition) {
        let runs = revision(&primary.task_definition);
        let failed = service
            .deployments
            .iter()
            .find(|d| is_wanted(&d.task_definition));
        let why = failed.map_or(reason, |failed| &failed.reason);
        return match primary.rollout.as_str() {
            "IN_PROGRESS" => Settled::NotYet(format!("ECS goes back to {runs}: {reason}")),
            _ => Settled::No(format!(
                "ECS went back to {runs} and does not run {wanted}: {why}"
            )),
        };
    }
    if primary.rollout == "FAILED" {
        return Settled::No(format!("the deployment of {wanted} failed: {reason}"));
    }
    let alone = service.deployments.len() == 1;
    let whole = primary.running == primary.desired && primary.pending == 0;
    let done = primary.rollout == "COMPLETED" || primary.rollout.is_empty();
    if alone && whole && done {
        return Settled::Yes;
    }
    let old: i32 = service.deployments.iter().map(|d| d.running).sum::<i32>() - primary.running;
    Settled::NotYet(format!(
        "{} of {} tasks run {wanted}, {old} run an older one",
        primary.running, primary.desired
    ))
}

/// Waits until a service runs this task definition, or certainly will not.
///
/// # Errors
/// The time was up, or AWS cannot be asked any more.
pub async fn settle(
    clients: &Clients,
    (service, cluster): (&str, Option<&str>),
    task_definition: &str,
    rollout: &mut Rollout,
    limits: &Limits,
    reporter: &mut dyn Reporter,
) -> Result<Settled, Stopped> {
    rollout.about(task_definition);
    let began = Instant::now();
    let (mut told, mut reached) = (began, began);
    let mut pace = Pace::new();
    loop {
        let mut missing = "the service".to_owned();
        match rollout.look(clients, service, cluster).await {
            Ok(news) => {
                reached = Instant::now();
                for notice in &news {
                    reporter.tell(notice);
                    told = Instant::now();
                }
            }
            Err(error) if error.kind().passes() && reached.elapsed() < OUTAGE => {
                reporter.tell(&Notice::Trouble(error.to_string()));
                told = Instant::now();
            }
            Err(error) => return Err(error.into()),
        }
        match rollout
            .service
            .as_ref()
            .map(|s| verdict(s, task_definition))
        {
            Some(Settled::NotYet(what)) => missing = what,
            Some(verdict) => return Ok(verdict),
            None if began.elapsed() > OUTAGE => {
                return Ok(Settled::No(format!(
                    "there is no service {service} after {}",
                    short(OUTAGE)
                )));
            }
            None => {}
        }
        reporter.tell(&Notice::Tick);
        if told.elapsed() >= SILENCE {
            let elapsed = began.elapsed();
            reporter.tell(&Notice::Waiting {
                elapsed,
                on: missing,
            });
            told = Instant::now();
        }
        if pace.next(limits.until).await {
            return Err(Stopped::TimedOut);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Deployment;

    fn deployment(status: &str, revision: u32, rollout: &str, running: i32) -> Deployment {
        Deployment {
            status: status.to_owned(),
            task_definition: format!("arn:aws:ecs:eu-west-1:1:task-definition/drops:{revision}"),
            desired: 2,
            running,
            rollout: rollout.to_owned(),
            reason: "why".to_owned(),
            ..Deployment::default()
        }
    }

    #[test]
    fn stable_is_not_enough() {
        let wanted = "arn:aws:ecs:eu-west-1:1:task-definition/drops:42";
        let judge = |deployments: Vec<Deployment>| {
            let service = ServiceState {
                deployments,
                ..ServiceState::default()
            };
            verdict(&service, wanted)
        };
        assert_eq!(
            judge(vec![deployment("PRIMARY", 42, "COMPLETED", 2)]),
            Settled::Yes
        );
        let cases = [
            vec![],
            vec![deployment("PRIMARY", 42, "IN_PROGRESS", 2)],
            vec![deployment("PRIMARY", 42, "COMPLETED", 1)],
            vec![
                deployment("PRIMARY", 42, "COMPLETED", 2),
                deployment("ACTIVE", 41, "COMPLETED", 1),
            ],
            vec![
                deployment("PRIMARY", 41, "IN_PROGRESS", 1),
                deployment("ACTIVE", 42, "FAILED", 0),
            ],
        ];
        for deployments in cases {
            let verdict = judge(deployments.clone());
            assert!(
                matches!(verdict, Settled::NotYet(_)),
                "{deployments:?}: {verdict:?}"
            );
        }
        let cases = [
            vec![deployment("PRIMARY", 42, "FAILED", 0)],
            // All tasks run, nothing is pending: stable, on the old one.
            vec![deployment("PRIMARY", 41, "COMPLETED", 2)],
            vec![
                deployment("PRIMARY", 41, "COMPLETED", 2),
                deployment("INACTIVE", 42, "FAILED", 0),
            ],
        ];
        for deployments in cases {
            let verdict = judge(deployments.clone());
            assert!(
                matches!(verdict, Settled::No(_)),
                "{deployments:?}: {verdict:?}"
            );
        }
    }
}
