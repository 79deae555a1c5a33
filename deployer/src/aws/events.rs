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

impl Clients {
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
                let event = event(found);
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

fn event(event: &StackEvent) -> Event {
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
