//! Waits until a service runs on fresh tasks of the revision that it had: a deployment of ECS's that
//! no task definition tells from the one before it, so that its id does.

use super::steady_state::wait_for_verdict;
use super::{Limits, Reporter, Rollout, SteadyState, Stopped};
use crate::aws::{Clients, Deployment, ServiceState};

/// Whether all tasks of a service are of this deployment.
fn verdict(service: &ServiceState, wanted: &Deployment) -> SteadyState {
    let primary = service.deployments.iter().find(|d| d.status == "PRIMARY");
    let Some(primary) = primary else {
        return SteadyState::NotYet("the service has no deployment".to_owned());
    };
    if primary.id != wanted.id {
        // An answer of just now may not know it yet.
        if primary.created < wanted.created {
            return SteadyState::NotYet("ECS to begin".to_owned());
        }
        let ours = service.deployments.iter().find(|d| d.id == wanted.id);
        return SteadyState::No(match ours {
            Some(ours) if ours.rollout == "FAILED" => {
                format!("ECS gave the fresh tasks up: {}", ours.reason)
            }
            _ => "another deployment of the service has taken its place".to_owned(),
        });
    }
    if primary.rollout == "FAILED" {
        return SteadyState::No(format!("ECS gave the fresh tasks up: {}", primary.reason));
    }
    let alone = service.deployments.len() == 1;
    let whole = primary.running == primary.desired && primary.pending == 0;
    if alone && whole && primary.rollout != "IN_PROGRESS" {
        return SteadyState::Yes;
    }
    SteadyState::NotYet(format!(
        "{} of {} fresh tasks run",
        primary.running, primary.desired
    ))
}

/// Waits until all tasks of a service are of this deployment, or certainly will not be.
///
/// # Errors
/// The time was up, or AWS cannot be asked any more.
pub async fn wait_for_fresh_tasks(
    clients: &Clients,
    place: (&str, Option<&str>),
    wanted: &Deployment,
    limits: &Limits,
    reporter: &mut dyn Reporter,
) -> Result<SteadyState, Stopped> {
    let mut rollout = Rollout::since(wanted.created);
    let judge = |found: &ServiceState| verdict(found, wanted);
    wait_for_verdict(clients, place, &mut rollout, limits, reporter, judge).await
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn deployment(n: u64, status: &str, rollout: &str, running: i32) -> Deployment {
        Deployment {
            id: format!("ecs-svc/{n}"),
            status: status.to_owned(),
            task_definition: "arn:aws:ecs:eu-west-1:1:task-definition/drops:7".to_owned(),
            desired: 2,
            running,
            rollout: rollout.to_owned(),
            reason: "tasks failed to start".to_owned(),
            created: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(n)),
            ..Deployment::default()
        }
    }

    #[test]
    fn only_this_deployment_counts_though_the_revision_is_the_same() {
        let wanted = deployment(2, "PRIMARY", "IN_PROGRESS", 0);
        let judge = |deployments: &[Deployment]| {
            let service = ServiceState {
                deployments: deployments.to_vec(),
                ..ServiceState::default()
            };
            verdict(&service, &wanted)
        };
        let old = |status| deployment(1, status, "COMPLETED", 2);
        let not_yet = |found| matches!(found, SteadyState::NotYet(_));
        assert!(not_yet(judge(&[])));
        assert!(not_yet(judge(&[old("PRIMARY")])));
        assert!(not_yet(judge(&[wanted.clone(), old("ACTIVE")])));
        let done = deployment(2, "PRIMARY", "COMPLETED", 2);
        assert!(not_yet(judge(&[done.clone(), old("ACTIVE")])));
        assert_eq!(judge(&[done]), SteadyState::Yes);
        let gave_up = "ECS gave the fresh tasks up: tasks failed to start".to_owned();
        let failed = deployment(2, "PRIMARY", "FAILED", 0);
        assert_eq!(judge(&[failed]), SteadyState::No(gave_up.clone()));
        // The circuit breaker brings old tasks back by a deployment of its own.
        let back = deployment(3, "PRIMARY", "IN_PROGRESS", 1);
        let failed = deployment(2, "ACTIVE", "FAILED", 0);
        assert_eq!(judge(&[back.clone(), failed]), SteadyState::No(gave_up));
        assert!(matches!(judge(&[back]), SteadyState::No(why) if why.contains("another")));
    }
}
