//! What CloudFormation tells of a stack while it works on it.

use std::time::SystemTime;

use aws_sdk_cloudformation::types::{HookFailureMode, HookStatus, StackEvent};

use super::{Clients, Error, failed, time};

/// Something that happened to a resource of a stack, or to the stack itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// CloudFormation's name for it.
    pub id: String,
    /// When.
    pub at: SystemTime,
    /// The resource's name within the template; the stack's own name for the stack.
    pub logical_id: String,
    /// What AWS calls it; empty before it exists.
    pub physical_id: String,
    /// Its type.
    pub kind: String,
    /// What it is now: `CREATE_IN_PROGRESS`, `UPDATE_FAILED`.
    pub status: String,
    /// Why, where AWS says so.
    pub reason: String,
    /// Whether it is about the stack itself.
    pub of_stack: bool,
    /// Whether a hook refused it here: the failure that follows names the hook alone.
    pub refused: bool,
    /// The token of the call that began the operation; empty where it had none.
    pub token: String,
}

impl Event {
    /// Whether the stack comes to rest with it.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.of_stack && !self.status.ends_with("_IN_PROGRESS")
    }

    /// Whether an operation on the stack begins with it.
    #[must_use]
    pub fn begins(&self) -> bool {
        let deleted_by_hand = || self.reason.contains("User Initiated");
        self.of_stack
            && match self.status.as_str() {
                "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "IMPORT_IN_PROGRESS" => true,
                // A failed creation is deleted in the same go: what led to it lies before.
                "DELETE_IN_PROGRESS" => deleted_by_hand(),
                _ => false,
            }
    }
}

/// Something that was done to a stack as a whole: a deployment, a roll-back, a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// When it began.
    pub began: SystemTime,
    /// When the stack came to rest; none while it goes on.
    pub ended: Option<SystemTime>,
    /// How it stands, or ended: `UPDATE_COMPLETE`.
    pub status: String,
}

/// The operations that these events tell of, newest first, as the events are.
fn operations(events: impl IntoIterator<Item = Event>, most: usize) -> Vec<Operation> {
    let mut found = Vec::new();
    let mut newest: Option<Event> = None;
    let of_stack = events.into_iter().filter(|event| event.of_stack);
    for event in of_stack {
        let began = event.begins().then_some(event.at);
        // What is newer says how it stands now.
        let last = newest.get_or_insert(event);
        if let Some(began) = began {
            found.push(Operation {
                began,
                ended: last.rests().then_some(last.at),
                status: last.status.clone(),
            });
            newest = None;
            if found.len() == most {
                break;
            }
        }
    }
    found
}

impl Clients {
    /// The last operations on a stack, newest first, `most` at most, as far as two pages of its
    /// events tell of them.
    ///
    /// # Errors
    /// There is no such stack, or AWS refuses a call.
    pub async fn operations(&self, stack: &str, most: usize) -> Result<Vec<Operation>, Error> {
        let mut events = Vec::new();
        let mut next = None;
        for _ in 0..2 {
            let request = self.stacks.describe_stack_events().stack_name(stack);
            let page = request.set_next_token(next).send().await;
            let page = page.map_err(failed("read the stack's events"))?;
            events.extend(page.stack_events().iter().map(event_of));
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        Ok(operations(events, most))
    }

    /// The newest event of a stack, if there is one.
    ///
    /// # Errors
    /// There is no such stack, or AWS refuses the call.
    pub async fn newest_event(&self, stack: &str) -> Result<Option<String>, Error> {
        let answer = self.stacks.describe_stack_events().stack_name(stack).send();
        let answer = answer.await.map_err(failed("read the stack's events"))?;
        let newest = answer.stack_events().first();
        Ok(newest.and_then(|event| event.event_id()).map(str::to_owned))
    }

    /// The events after that one, oldest first; without one, those of the operation that is running
    /// or was last.
    ///
    /// # Errors
    /// There is no such stack, or AWS refuses a call.
    pub async fn events(&self, stack: &str, after: Option<&str>) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        let mut next = None;
        'pages: loop {
            let request = self
                .stacks
                .describe_stack_events()
                .stack_name(stack)
                .set_next_token(next);
            let page = request
                .send()
                .await
                .map_err(failed("read the stack's events"))?;
            for found in page.stack_events() {
                if after.is_some() && found.event_id() == after {
                    break 'pages;
                }
                let event = event_of(found);
                let begins = after.is_none() && event.begins();
                events.push(event);
                if begins {
                    break 'pages;
                }
            }
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        events.reverse();
        Ok(events)
    }
}

fn event_of(event: &StackEvent) -> Event {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Event {
        id: text(event.event_id()),
        at: time(event.timestamp()).unwrap_or(SystemTime::UNIX_EPOCH),
        logical_id: text(event.logical_resource_id()),
        physical_id: text(event.physical_resource_id()),
        kind: text(event.resource_type()),
        status: text(event.resource_status().map(|status| status.as_str())),
        reason: reason(event),
        of_stack: event.physical_resource_id() == event.stack_id(),
        refused: is_refused(event),
        token: text(event.client_request_token()),
    }
}

fn is_refused(event: &StackEvent) -> bool {
    let warns = event.hook_failure_mode() == Some(&HookFailureMode::Warn);
    let failed = matches!(
        event.hook_status(),
        Some(HookStatus::HookCompleteFailed | HookStatus::HookFailed)
    );
    failed && !warns
}

/// Why, with what a hook said: the status reason alone only names the hook.
fn reason(event: &StackEvent) -> String {
    let reason = event.resource_status_reason().unwrap_or_default();
    let hook = event.hook_type().unwrap_or("a hook");
    match event.hook_status_reason() {
        Some(said) if !reason.contains(said) => {
            let colon = if reason.is_empty() { "" } else { ": " };
            format!("{reason}{colon}{hook} says: {said}")
        }
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn of_stack(at: u64, status: &str) -> Event {
        Event {
            id: String::new(),
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(at),
            logical_id: "acme".to_owned(),
            physical_id: "arn".to_owned(),
            kind: "AWS::CloudFormation::Stack".to_owned(),
            status: status.to_owned(),
            reason: String::new(),
            of_stack: true,
            refused: false,
            token: String::new(),
        }
    }

    #[test]
    fn what_a_hook_said_is_read() {
        let said = |mode, status| {
            let event = StackEvent::builder()
                .event_id("1")
                .resource_status_reason("The following hook(s) failed: [Acme::Names::Hook]")
                .hook_type("Acme::Names::Hook")
                .hook_status(status)
                .hook_failure_mode(mode)
                .hook_status_reason("names begin with acme-");
            event_of(&event.build())
        };
        let refused = said(HookFailureMode::Fail, HookStatus::HookCompleteFailed);
        assert!(refused.refused, "{refused:?}");
        let words = "Acme::Names::Hook says: names begin with acme-";
        assert!(refused.reason.ends_with(words), "{refused:?}");
        let warned = said(HookFailureMode::Warn, HookStatus::HookCompleteFailed);
        assert!(!warned.refused && warned.reason.ends_with(words));
        let passed = said(HookFailureMode::Fail, HookStatus::HookCompleteSucceeded);
        assert!(!passed.refused);
    }

    #[test]
    fn operations_end_as_their_newest_event_says() {
        let events = [
            (90, "UPDATE_IN_PROGRESS"),
            (60, "UPDATE_ROLLBACK_COMPLETE"),
            (55, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
            (50, "UPDATE_ROLLBACK_IN_PROGRESS"),
            (40, "UPDATE_IN_PROGRESS"),
            (20, "CREATE_COMPLETE"),
            (10, "CREATE_IN_PROGRESS"),
            (5, "REVIEW_IN_PROGRESS"),
        ];
        let events = events.map(|(at, status)| of_stack(at, status));
        let found = operations(events.clone(), 5);
        let found: Vec<_> = found
            .iter()
            .map(|one| (&*one.status, one.ended.is_some()))
            .collect();
        let expected = [
            ("UPDATE_IN_PROGRESS", false),
            ("UPDATE_ROLLBACK_COMPLETE", true),
            ("CREATE_COMPLETE", true),
        ];
        assert_eq!(found, expected);
        assert_eq!(operations(events, 2).len(), 2);
    }
}
