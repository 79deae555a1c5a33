//! Why an operation failed: the first real cause, not what it set off.

use crate::aws::{Event, StoppedTask};

/// The first real cause of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The resource that failed.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// How: `CREATE_FAILED`.
    pub status: String,
    /// AWS's own words.
    pub reason: String,
}

/// What CloudFormation says of resources that failed only because another did.
const SET_OFF: [&str; 3] = [
    "Resource creation cancelled",
    "Resource update cancelled",
    "Resource deletion cancelled",
];

impl Cause {
    /// The first real cause among the events of an operation, oldest first.
    #[must_use]
    pub fn first(events: &[Event]) -> Option<Self> {
        let failed = |event: &&Event| event.status.ends_with("_FAILED");
        let set_off = |event: &&Event| SET_OFF.iter().any(|words| event.reason.contains(words));
        let found = events
            .iter()
            .find(|event| !event.of_stack && failed(event) && !set_off(event));
        // Somebody may have ended it without anything having failed.
        let of_stack = || {
            events.iter().find(|event| {
                let undone = event.status.contains("ROLLBACK_IN_PROGRESS") || failed(event);
                event.of_stack && undone && !event.reason.is_empty()
            })
        };
        let event = found.or_else(of_stack)?;
        Some(Self {
            logical_id: event.logical_id.clone(),
            kind: event.kind.clone(),
            status: event.status.clone(),
            reason: event.reason.clone(),
        })
    }
}

impl Cause {
    /// Every real failure among the events, a line each.
    #[must_use]
    pub fn all(events: &[Event]) -> Vec<String> {
        events
            .iter()
            .filter(|event| !event.of_stack && event.status.ends_with("_FAILED"))
            .filter(|event| SET_OFF.iter().all(|words| !event.reason.contains(words)))
            .map(|event| format!("{} {}: {}", event.logical_id, event.status, event.reason))
            .collect()
    }
}

impl StoppedTask {
    /// Why it stopped, in one line: ECS's words and how its containers ended.
    #[must_use]
    pub fn why(&self) -> String {
        let mut parts = Vec::new();
        if !self.code.is_empty() {
            parts.push(self.code.clone());
        }
        if !self.reason.is_empty() {
            parts.push(self.reason.clone());
        }
        for container in &self.containers {
            let name = &container.name;
            match container.exit {
                Some(code) => parts.push(format!("{name}: exit code {code}")),
                None if container.reason.is_empty() => {}
                None => parts.push(format!("{name} never ran")),
            }
            if !container.reason.is_empty() && !self.reason.contains(&container.reason) {
                parts.push(format!("{name}: {}", container.reason));
            }
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Container;
    use crate::deploy::advice::advice;
    use std::time::SystemTime;

    fn event(logical_id: &str, status: &str, reason: &str) -> Event {
        Event {
            id: String::new(),
            at: SystemTime::UNIX_EPOCH,
            logical_id: logical_id.to_owned(),
            physical_id: String::new(),
            kind: "AWS::X::Y".to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            of_stack: logical_id == "stack",
        }
    }

    #[test]
    fn what_was_only_set_off_is_no_cause() {
        let events = [
            event("stack", "CREATE_IN_PROGRESS", "User Initiated"),
            event("Cluster", "CREATE_FAILED", "Resource creation cancelled"),
            event("Role", "CREATE_FAILED", "Role drops already exists"),
            event("Group", "CREATE_FAILED", "another"),
            event(
                "stack",
                "ROLLBACK_IN_PROGRESS",
                "The following resource(s) failed to create: [Cluster, Role]. ",
            ),
        ];
        let cause = Cause::first(&events).expect("a cause");
        assert_eq!(
            (cause.logical_id.as_str(), cause.reason.as_str()),
            ("Role", "Role drops already exists")
        );
        assert!(
            advice([cause.reason.as_str()])
                .expect("advice")
                .contains("prefix or name")
        );
    }

    #[test]
    fn an_update_that_somebody_ended_has_a_cause() {
        let events = [
            event("stack", "UPDATE_IN_PROGRESS", "User Initiated"),
            event("Service", "UPDATE_FAILED", "Resource update cancelled"),
            event("stack", "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated"),
        ];
        assert_eq!(Cause::first(&events).expect("a cause").logical_id, "stack");
        assert_eq!(Cause::first(&events[..1]), None);
    }

    #[test]
    fn a_stopped_task_tells_all_it_knows_once() {
        let pull =
            "CannotPullContainerError: pull image manifest has been retried 7 time(s): not found";
        let task = StoppedTask {
            arn: "arn:aws:ecs:eu-west-1:1:task/drops/3f2a".to_owned(),
            code: "TaskFailedToStart".to_owned(),
            reason: pull.to_owned(),
            containers: vec![Container {
                name: "server".to_owned(),
                reason: pull.to_owned(),
                ..Container::default()
            }],
            ..StoppedTask::default()
        };
        assert_eq!(
            task.why(),
            format!("TaskFailedToStart; {pull}; server never ran")
        );
        assert_eq!(task.id(), "3f2a");
        assert!(
            advice([task.why().as_str()])
                .expect("advice")
                .contains("image exists")
        );
        let killed = Container {
            name: "server".to_owned(),
            exit: Some(137),
            reason: "OutOfMemoryError".to_owned(),
            ..Container::default()
        };
        let task = StoppedTask {
            containers: vec![killed],
            ..StoppedTask::default()
        };
        assert_eq!(
            task.why(),
            "server: exit code 137; server: OutOfMemoryError"
        );
    }
}
