//! How a deployed stack stands: who deployed what, what its service does, which nodes clients meet,
//! and what is wrong.
//!
//! [`read`] asks AWS; what is made of the answers, as text and as JSON, needs none of it.

mod facts;
mod json;
mod paint;
mod read;
mod text;

use crate::aws::{Alarm, Operation, RunningTask, ServiceState, StackState, Target};
use crate::connections::Connections;
use crate::history::{Origin, PreviousDeployment};
use crate::stack_operation::Cause;

pub use facts::{alarms, alarms_json, alarms_text};
pub use read::{Names, read};

/// How a stack stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The stack.
    pub stack: StackState,
    /// Where what runs comes from, where it says so.
    pub origin: Option<Origin>,
    /// What it ran before, if a roll-back has something to go back to.
    pub previous: Option<PreviousDeployment>,
    /// Why the last operation on it failed, if it did.
    pub cause: Option<Cause>,
    /// Its ECS services.
    pub services: Vec<Service>,
    /// The services that it should have, by name, and that are not there.
    pub gone: Vec<String>,
    /// The last operations on it, newest first.
    pub operations: Vec<Operation>,
    /// The alarms that ring.
    pub alarms: Vec<Alarm>,
    /// What its nodes say of their connections; none where they were not asked.
    pub connections: Option<Connections>,
    /// What the caller may not see, a line each.
    pub unseen: Vec<String>,
}

/// How a service stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The service.
    pub state: ServiceState,
    /// Its tasks.
    pub nodes: Vec<Node>,
    /// The targets that are none of these nodes: those of tasks that have gone, mostly.
    pub targets: Vec<Target>,
    /// Whether the caller may not see the targets.
    pub targets_unseen: bool,
    /// Why tasks stopped that should not have, each reason once; the newest last.
    pub stopped: Vec<String>,
}

/// A task as clients meet it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// What it calls itself in `x-node-id`; none where its log does not say.
    pub name: Option<String>,
    /// The task.
    pub task: RunningTask,
    /// How the load balancer sees it; none where it does not know it.
    pub target: Option<Target>,
}

impl Status {
    /// What is wrong, a line each; empty where all is well, or on the way.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        let status = self.stack.status.as_str();
        if status.ends_with("_FAILED") || status == "ROLLBACK_COMPLETE" {
            troubles.push(format!("the stack is {status}"));
        }
        for name in &self.gone {
            troubles.push(format!(
                "the service {name} is gone: something else has deleted it"
            ));
        }
        for service in &self.services {
            service.troubles(&mut troubles);
        }
        let rings = |alarm: &Alarm| format!("the alarm {} rings: {}", alarm.name, alarm.reason);
        troubles.extend(self.alarms.iter().map(rings));
        troubles.extend(self.connections.iter().flat_map(Connections::troubles));
        troubles
    }

    /// The names of its nodes, as far as they are known.
    pub fn node_names(&self) -> impl Iterator<Item = String> {
        let nodes = self.services.iter().flat_map(|service| &service.nodes);
        nodes.filter_map(|node| node.name.clone())
    }
}

impl Service {
    fn troubles(&self, troubles: &mut Vec<String>) {
        let ServiceState {
            desired,
            running,
            deployments,
            ..
        } = &self.state;
        let changes = deployments
            .iter()
            .any(|deployment| deployment.rollout == "IN_PROGRESS");
        for deployment in deployments
            .iter()
            .filter(|deployment| deployment.rollout == "FAILED")
        {
            troubles.push(format!("the deployment failed: {}", deployment.reason));
        }
        if running < desired && !changes {
            troubles.push(format!("{running} of {desired} tasks run"));
        }
        let of_nodes = || self.nodes.iter().filter_map(|node| node.target.as_ref());
        let targets = || of_nodes().chain(&self.targets);
        for target in
            targets().filter(|target| target.state == "unhealthy" || target.state == "unavailable")
        {
            troubles.push(format!(
                "{} is {}: {}",
                target.address, target.state, target.reason
            ));
        }
        let has_targets =
            !self.state.target_groups.is_empty() && !self.nodes.is_empty() && !self.targets_unseen;
        if has_targets && !changes && !targets().any(|target| target.state == "healthy") {
            troubles
                .push("the load balancer has no healthy target: clients are refused".to_owned());
        }
        if !troubles.is_empty() {
            troubles.extend(
                self.stopped
                    .iter()
                    .map(|why| format!("a task stopped: {why}")),
            );
        }
    }
}
