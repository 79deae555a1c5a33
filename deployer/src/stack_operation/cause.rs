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

/// Whether a resource failed by itself.
fn failed(event: &Event) -> bool {
    let set_off = || SET_OFF.iter().any(|words| event.reason.contains(words));
    let failed = event.status.ends_with("_FAILED") || event.refused;
    !event.of_stack && failed && !set_off()
}

impl Cause {
    /// The first real cause among the events of an operation, oldest first.
    #[must_use]
    pub fn first(events: &[Event]) -> Option<Self> {
        let found = events.iter().find(|event| failed(event));
        // Somebody may have ended it without anything having failed.
        let of_stack = || {
            events.iter().find(|event| {
                let failed = event.status.ends_with("_FAILED");
                let undone = event.status.contains("ROLLBACK_IN_PROGRESS") || failed;
                event.of_stack && undone && !event.reason.is_empty()
            })
        };
        found.or_else(of_stack).map(Self::of)
    }

    /// The resources that CloudFormation could neither bring back nor delete, for which the stack
    /// has come to rest in this status: those that failed on its last way back, and that it did not
    /// try again with success.
    #[must_use]
    pub fn stuck(events: &[Event], status: &str) -> Vec<Self> {
        let turned = events.iter().rposition(|event| {
            let back = event.status.ends_with("ROLLBACK_IN_PROGRESS");
            event.of_stack && (back || event.status == "DELETE_IN_PROGRESS")
        });
        let Some(turned) = turned.filter(|_| status.ends_with("_FAILED")) else {
            return Vec::new();
        };
        let back = &events[turned..];
        let last = |(n, event): &(usize, &Event)| {
            let mut later = back[n + 1..].iter();
            !later.any(|later| later.logical_id == event.logical_id)
        };
        let stuck = back.iter().enumerate().filter(last);
        stuck
            .filter(|(_, event)| failed(event))
            .map(|(_, event)| Self::of(event))
            .collect()
    }

    /// What failed, and under it why.
    pub(super) fn text(&self) -> String {
        let Self {
            logical_id,
            kind,
            status,
            reason,
        } = self;
        format!("{logical_id} ({kind}) {status}\n    {reason}")
    }

    fn of(event: &Event) -> Self {
        Self {
            logical_id: event.logical_id.clone(),
            kind: event.kind.clone(),
            status: if event.refused {
                "refused by a hook".to_owned()
            } else {
                event.status.clone()
            },
            reason: event.reason.clone(),
        }
    }

    /// Every real failure among the events, a line each.
    #[must_use]
    pub fn all(events: &[Event]) -> Vec<String> {
        events
            .iter()
            .filter(|event| failed(event))
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
    use crate::stack_operation::advice::advice;
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
            refused: false,
            token: String::new(),
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
    fn what_a_hook_said_comes_before_the_failure_that_names_it() {
        let mut hook = event(
            "Role",
            "CREATE_IN_PROGRESS",
            "Acme::Names::Hook says: the role has no boundary",
        );
        hook.refused = true;
        let events = [
            event("stack", "CREATE_IN_PROGRESS", ""),
            hook,
            event(
                "Role",
                "CREATE_FAILED",
                "The following hook(s) failed: [Acme::Names::Hook]",
            ),
        ];
        let cause = Cause::first(&events).expect("a cause");
        assert_eq!(cause.status, "refused by a hook");
        assert!(cause.reason.contains("no boundary"), "{cause:?}");
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
    fn what_does_not_go_back_is_told_from_what_failed_before() {
        let events = [
            event("stack", "UPDATE_IN_PROGRESS", ""),
            event("Taken", "CREATE_FAILED", "Taken already exists"),
            event("stack", "UPDATE_ROLLBACK_IN_PROGRESS", ""),
            event("Mended", "UPDATE_FAILED", "no"),
            event("stack", "UPDATE_ROLLBACK_FAILED", ""),
            event("stack", "UPDATE_ROLLBACK_IN_PROGRESS", ""),
            event("Role", "UPDATE_FAILED", "Resource update cancelled"),
            event("Retried", "UPDATE_FAILED", "no"),
            event("Stub", "UPDATE_FAILED", "refused"),
            event("Retried", "UPDATE_COMPLETE", ""),
            event("stack", "UPDATE_ROLLBACK_FAILED", ""),
        ];
        let stuck = Cause::stuck(&events, "UPDATE_ROLLBACK_FAILED");
        let ids: Vec<_> = stuck.iter().map(|cause| &cause.logical_id).collect();
        assert_eq!(ids, ["Stub"]);
        // A resource that is left behind stops nothing, and before anything is undone nothing is in
        // the way.
        assert_eq!(Cause::stuck(&events, "UPDATE_ROLLBACK_COMPLETE"), []);
        assert_eq!(Cause::stuck(&events[..2], "CREATE_FAILED"), []);
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
