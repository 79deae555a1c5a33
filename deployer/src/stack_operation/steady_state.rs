//! Waits until ECS runs the very task definition that was deployed. "The service is stable" is not
//! enough: it is stable after a roll-back too, on the old one.

use super::notice::{revision, short};
use super::wait::{OUTAGE, Wait};
use super::{Limits, Reporter, Rollout, Stopped};
use crate::aws::{Clients, ServiceState};

/// Where a service stands with respect to a task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SteadyState {
    /// It runs it, with all tasks that it should have, and nothing else.
    Yes,
    /// Not yet; what is missing.
    NotYet(String),
    /// It will not: ECS went back to another, or gave up.
    No(String),
}

/// Whether a service runs this task definition.
#[must_use]
pub fn verdict(service: &ServiceState, task_definition: &str) -> SteadyState {
    let wanted = revision(task_definition);
    let is_wanted = |found: &str| revision(found) == wanted;
    let Some(primary) = service.deployments.iter().find(|d| d.status == "PRIMARY") else {
        return SteadyState::NotYet("the service has no deployment".to_owned());
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
            "IN_PROGRESS" => SteadyState::NotYet(format!("ECS deploys {runs}: {reason}")),
            _ => SteadyState::No(format!(
                "ECS rolled back to {runs} and does not run {wanted}: {why}"
            )),
        };
    }
    if primary.rollout == "FAILED" {
        return SteadyState::No(format!("the deployment of {wanted} failed: {reason}"));
    }
    let alone = service.deployments.len() == 1;
    let whole = primary.running == primary.desired && primary.pending == 0;
    let done = primary.rollout == "COMPLETED" || primary.rollout.is_empty();
    if alone && whole && done {
        return SteadyState::Yes;
    }
    let old: i32 = service.deployments.iter().map(|d| d.running).sum::<i32>() - primary.running;
    SteadyState::NotYet(format!(
        "{} of {} tasks run {wanted}, {old} run an older one",
        primary.running, primary.desired
    ))
}

/// Waits until a service runs this task definition, or certainly will not.
///
/// # Errors
/// The time was up, or AWS cannot be asked any more.
pub async fn wait_for_steady_state(
    clients: &Clients,
    place: (&str, Option<&str>),
    task_definition: &str,
    rollout: &mut Rollout,
    limits: &Limits,
    reporter: &mut dyn Reporter,
) -> Result<SteadyState, Stopped> {
    rollout.about(task_definition);
    let judge = |found: &ServiceState| verdict(found, task_definition);
    wait_for_verdict(clients, place, rollout, limits, reporter, judge).await
}

/// Watches a service, by its name or ARN and its cluster, until `judge` says how it ends.
///
/// # Errors
/// The time was up, or AWS cannot be asked any more.
pub(super) async fn wait_for_verdict(
    clients: &Clients,
    (service, cluster): (&str, Option<&str>),
    rollout: &mut Rollout,
    limits: &Limits,
    reporter: &mut dyn Reporter,
    judge: impl Fn(&ServiceState) -> SteadyState,
) -> Result<SteadyState, Stopped> {
    let mut wait = Wait::new(limits.until, reporter);
    loop {
        let looked = wait
            .answer(rollout.observe(clients, service, cluster))
            .await;
        for notice in wait.survive(looked)?.iter().flatten() {
            wait.tell(notice);
        }
        let missing = match rollout.service.as_ref().map(&judge) {
            Some(SteadyState::NotYet(what)) => what,
            Some(verdict) => return Ok(verdict),
            None if wait.began.elapsed() > OUTAGE => {
                return Ok(SteadyState::No(format!(
                    "there is no service {service} after {}",
                    short(OUTAGE)
                )));
            }
            None => "the service".to_owned(),
        };
        wait.tick();
        wait.pause(|| missing).await?;
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
            SteadyState::Yes
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
                matches!(verdict, SteadyState::NotYet(_)),
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
                matches!(verdict, SteadyState::No(_)),
                "{deployments:?}: {verdict:?}"
            );
        }
    }
}
