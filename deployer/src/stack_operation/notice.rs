//! What is told while a deployment runs: one thing at a time, as a line for people and as an object
//! for programs.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::documents::{deployment, target};
use super::progress::Item;
use crate::aws::{Deployment, Event, ServiceState, StoppedTask, Target};
use crate::local::log::readable;
use crate::logs::visible;

/// Something to tell.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A resource, or the stack itself, came further.
    Resource(Event, Item),
    /// A service's deployment came further.
    Service(ServiceState),
    /// The targets' health is another.
    Targets(Vec<Target>),
    /// A task of the service stopped that should not have.
    TaskStopped(StoppedTask),
    /// Nothing has happened for a while; what is being waited for, and for how long so far.
    Waiting {
        /// Since the operation began to be watched.
        elapsed: Duration,
        /// For what.
        on: String,
    },
    /// AWS could not be asked just now; it is asked again.
    Trouble(String),
    /// So many tasks have failed that the deployment is ended.
    GivingUp {
        /// How many.
        failures: u32,
    },
    /// A stage begins, or what it found.
    Stage(String),
    /// AWS was asked; nothing is new. A screen may draw its clocks anew.
    Tick,
}

/// A time as people read it.
pub(super) fn short(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

/// `14:03:27`, in UTC.
fn clock(at: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(at).to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}

/// A task definition without what all have in common: `drops:42`.
pub(super) fn revision(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

impl Notice {
    /// The lines for a person; empty where there is nothing to say.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Resource(event, item) => {
                let took = item
                    .took
                    .map_or_else(String::new, |took| format!(" after {}", short(took)));
                let reason = if event.reason.is_empty() {
                    String::new()
                } else {
                    format!(": {}", event.reason)
                };
                let (at, name, status) = (clock(event.at), &event.logical_id, &event.status);
                format!("{at} {name} {status}{took}{reason}")
            }
            Self::Service(service) => service_text(service),
            Self::Targets(targets) => format!("targets: {}", targets_text(targets)),
            Self::TaskStopped(task) => task_text(task),
            Self::Waiting { elapsed, on } => {
                format!("still waiting after {}: {on}", short(*elapsed))
            }
            Self::Trouble(text) => format!("{text}; asking again"),
            Self::GivingUp { failures } => {
                format!("{failures} tasks have failed: cancelling the deployment")
            }
            Self::Stage(text) => text.clone(),
            Self::Tick => String::new(),
        }
    }

    /// The object for a program; none where there is nothing to say.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        Some(match self {
            Self::Resource(event, item) => json!({
                "type": if event.of_stack { "stack" } else { "resource" },
                "at": humantime::format_rfc3339_seconds(event.at).to_string(),
                "logical_id": event.logical_id,
                "resource_type": event.kind,
                "physical_id": event.physical_id,
                "status": event.status,
                "reason": event.reason,
                "took_s": item.took.map(|took| took.as_secs()),
            }),
            Self::Service(service) => service_json(service),
            Self::Targets(targets) => {
                json!({ "type": "targets", "targets": targets.iter().map(target).collect::<Vec<_>>() })
            }
            Self::TaskStopped(task) => {
                let mut object = task_json(task);
                object["type"] = json!("task_stopped");
                object
            }
            Self::Waiting { elapsed, on } => {
                json!({ "type": "waiting", "elapsed_s": elapsed.as_secs(), "on": on })
            }
            Self::Trouble(text) => json!({ "type": "trouble", "message": text }),
            Self::GivingUp { failures } => json!({ "type": "giving_up", "failures": failures }),
            Self::Stage(text) => json!({ "type": "stage", "message": text }),
            Self::Tick => return None,
        })
    }
}

pub(super) fn service_text(service: &ServiceState) -> String {
    let deployments: Vec<_> = service.deployments.iter().map(deployment_text).collect();
    format!("service {}: {}", service.name, deployments.join("; "))
}

fn deployment_text(deployment: &Deployment) -> String {
    let Deployment {
        status,
        desired,
        running,
        pending,
        failed,
        rollout,
        ..
    } = deployment;
    let revision = revision(&deployment.task_definition);
    let reason = if rollout == "COMPLETED" || deployment.reason.is_empty() {
        String::new()
    } else {
        format!(" ({})", deployment.reason)
    };
    format!(
        "{status} {revision} {running} of {desired} running, {pending} pending, {failed} failed \
         {rollout}{reason}"
    )
}

/// How many targets are in which state, and why those that are not healthy are not.
pub(super) fn targets_text(targets: &[Target]) -> String {
    if targets.is_empty() {
        return "none".to_owned();
    }
    let healthy = targets.iter().filter(|target| target.state == "healthy");
    let mut parts = vec![format!("{} of {} healthy", healthy.count(), targets.len())];
    for target in targets.iter().filter(|target| target.state != "healthy") {
        let reason = if target.reason.is_empty() {
            String::new()
        } else {
            format!(" ({})", target.reason)
        };
        parts.push(format!("{} {}{reason}", target.address, target.state));
    }
    parts.join(", ")
}

pub(super) fn task_text(task: &StoppedTask) -> String {
    let mut text = format!("task {} stopped: {}", task.id(), task.why());
    for container in &task.containers {
        for line in &container.said {
            text.push_str(&format!("\n    {} | ", container.name));
            visible(&readable(line), &mut text);
        }
    }
    text
}

fn service_json(service: &ServiceState) -> Value {
    json!({
        "type": "service",
        "service": service.name,
        "desired": service.desired,
        "running": service.running,
        "pending": service.pending,
        "deployments": service.deployments.iter().map(deployment).collect::<Vec<_>>(),
    })
}

pub(super) fn task_json(task: &StoppedTask) -> Value {
    let containers = task.containers.iter().map(|container| {
        json!({ "name": container.name, "exit_code": container.exit, "reason": container.reason, "log": container.said })
    });
    json!({
        "task": task.arn,
        "task_definition": task.task_definition,
        "code": task.code,
        "reason": task.reason,
        "containers": containers.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Container;

    #[test]
    fn what_a_task_said_steers_no_terminal() {
        let container = Container {
            name: "server".to_owned(),
            said: vec!["\u{1b}[2Jhello".to_owned()],
            ..Container::default()
        };
        let task = StoppedTask {
            containers: vec![container],
            ..StoppedTask::default()
        };
        let text = task_text(&task);
        assert!(text.ends_with("\n    server | \\u{1b}[2Jhello"), "{text:?}");
    }
}
