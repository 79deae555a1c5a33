//! How an ECS service stands: its deployments, its targets' health, and the tasks that did not
//! live.

use std::time::SystemTime;

use aws_sdk_ecs::types::{Deployment as EcsDeployment, Service};

use super::{Clients, Error, Kind, failed, time};

/// An ECS service as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceState {
    /// Its ARN.
    pub arn: String,
    /// Its cluster's ARN.
    pub cluster: String,
    /// Its name.
    pub name: String,
    /// The tasks that it should have.
    pub desired: i32,
    /// The tasks that run.
    pub running: i32,
    /// The tasks that start.
    pub pending: i32,
    /// The deployments at work: the newest first.
    pub deployments: Vec<Deployment>,
    /// The target groups in which its tasks are.
    pub target_groups: Vec<String>,
}

/// One deployment of a service: a task definition, and the tasks that have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// Its id, `ecs-svc/…`.
    pub id: String,
    /// `PRIMARY` for the newest, `ACTIVE` for those that it takes over from.
    pub status: String,
    /// The task definition's ARN.
    pub task_definition: String,
    /// The tasks that it should have.
    pub desired: i32,
    /// The tasks that run.
    pub running: i32,
    /// The tasks that start.
    pub pending: i32,
    /// The tasks that did not live, in a row.
    pub failed: i32,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`; empty where the service has no rolling deployments.
    pub rollout: String,
    /// Why.
    pub reason: String,
    /// When it began.
    pub created: Option<SystemTime>,
}

/// A target of a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address with its port.
    pub address: String,
    /// `initial`, `healthy`, `unhealthy`, `draining`, `unused`.
    pub state: String,
    /// Why it is not healthy: `Target.Timeout`, and what that means.
    pub reason: String,
}

impl Clients {
    /// A service by its ARN; none where it is gone.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn service(
        &self,
        arn: &str,
        cluster: Option<&str>,
    ) -> Result<Option<ServiceState>, Error> {
        let request = self
            .services
            .describe_services()
            .set_cluster(cluster_of(arn).or(cluster).map(str::to_owned))
            .services(arn);
        let answer = request.send().await;
        match answer.map_err(failed("describe the service")) {
            Ok(answer) => Ok(answer
                .services()
                .first()
                .filter(|service| service.status() != Some("INACTIVE"))
                .map(state)),
            // The cluster is gone, and the service with it.
            Err(error) if error.code() == Some("ClusterNotFoundException") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins to replace all tasks of a service by fresh ones of the same revision. The deployment
    /// that does it.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn replace_tasks(
        &self,
        arn: &str,
        cluster: Option<&str>,
    ) -> Result<Deployment, Error> {
        let request = self
            .services
            .update_service()
            .set_cluster(cluster_of(arn).or(cluster).map(str::to_owned))
            .service(arn)
            .force_new_deployment(true);
        let answer = request.send().await;
        let answer = answer.map_err(failed("replace the service's tasks"))?;
        let service = answer.service();
        let mut deployments = service.into_iter().flat_map(Service::deployments);
        let primary = deployments.find(|one| one.status() == Some("PRIMARY"));
        primary
            .map(deployment)
            .ok_or_else(|| Error::NotThere(format!("deployment of {arn}")))
    }

    /// The targets of a target group; none where it is gone.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn targets(&self, group: &str) -> Result<Vec<Target>, Error> {
        let request = self
            .balancers
            .describe_target_health()
            .target_group_arn(group);
        let answer = request.send().await;
        let found = match answer.map_err(failed("read the targets' health")) {
            Ok(answer) => answer.target_health_descriptions.unwrap_or_default(),
            Err(error) if error.kind() == Kind::Missing => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let target = |found: &aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription| {
            let target = found.target()?;
            let health = found.target_health()?;
            let id = target.id().unwrap_or_default();
            let reason = health.reason().map(|reason| reason.as_str());
            let words = [reason, health.description()];
            Some(Target {
                address: target
                    .port()
                    .map_or_else(|| id.to_owned(), |port| format!("{id}:{port}")),
                state: health
                    .state()
                    .map_or_else(String::new, |state| state.as_str().to_owned()),
                reason: words.into_iter().flatten().collect::<Vec<_>>().join(", "),
            })
        };
        let mut targets: Vec<_> = found.iter().filter_map(target).collect();
        targets.sort_by(|a, b| a.address.cmp(&b.address));
        Ok(targets)
    }
}

/// The cluster that a service's ARN names; old ARNs do not.
fn cluster_of(arn: &str) -> Option<&str> {
    let (_, path) = arn.rsplit_once(":service/")?;
    path.split_once('/').map(|(cluster, _)| cluster)
}

fn state(service: &Service) -> ServiceState {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let groups = service.load_balancers().iter();
    ServiceState {
        arn: text(service.service_arn()),
        cluster: text(service.cluster_arn()),
        name: text(service.service_name()),
        desired: service.desired_count(),
        running: service.running_count(),
        pending: service.pending_count(),
        deployments: service.deployments().iter().map(deployment).collect(),
        target_groups: groups
            .filter_map(|target| target.target_group_arn())
            .map(str::to_owned)
            .collect(),
    }
}

fn deployment(deployment: &EcsDeployment) -> Deployment {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Deployment {
        id: text(deployment.id()),
        status: text(deployment.status()),
        task_definition: text(deployment.task_definition()),
        desired: deployment.desired_count(),
        running: deployment.running_count(),
        pending: deployment.pending_count(),
        failed: deployment.failed_tasks(),
        rollout: text(deployment.rollout_state().map(|state| state.as_str())),
        reason: text(deployment.rollout_state_reason()),
        created: time(deployment.created_at()),
    }
}
