//! How an operation on a stack ended: where it stands now, and if it failed, why and what to do.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::Cause;
use super::advice::advice;
use super::notice::{revision, service_text, short, task_json, task_text};
use crate::aws::{ServiceState, StackState, StoppedTask, Target};
use crate::status::target;

/// How an operation on a stack ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The stack as it is now.
    pub stack: StackState,
    /// Whether that is what was wanted.
    pub reached: bool,
    /// The first real cause, if it is not.
    pub cause: Option<Cause>,
    /// The tasks that stopped and should not have: the first few.
    pub stopped: Vec<StoppedTask>,
    /// The targets that failed their health checks, and never passed them since: the first few.
    pub unhealthy: Vec<Target>,
    /// The service as it was last seen.
    pub service: Option<ServiceState>,
    /// Whether it was ended because too many tasks failed.
    pub gave_up: bool,
    /// How long it was watched.
    pub took: Duration,
}

impl Outcome {
    /// What became of the stack, in words.
    #[must_use]
    pub fn now(&self) -> String {
        let name = &self.stack.name;
        match self.stack.status.as_str() {
            "ROLLBACK_COMPLETE" => format!(
                "{name} is ROLLBACK_COMPLETE: it never lived, and what was made of it is deleted"
            ),
            "DELETE_COMPLETE" => "the stack is deleted, nothing is left of it".to_owned(),
            "UPDATE_ROLLBACK_COMPLETE" => {
                let runs = self
                    .runs()
                    .map_or_else(String::new, |runs| format!(" and runs {runs}"));
                format!("{name} is UPDATE_ROLLBACK_COMPLETE: it is as it was before{runs}")
            }
            status => {
                let reason = &self.stack.reason;
                let reason = if reason.is_empty() {
                    String::new()
                } else {
                    format!(": {reason}")
                };
                format!("{name} is {status}{reason}")
            }
        }
    }

    /// The task definition that the service runs.
    fn runs(&self) -> Option<String> {
        let service = self.service.as_ref()?;
        let primary = service.deployments.iter().find(|d| d.status == "PRIMARY")?;
        Some(format!(
            "{} ({} of {} tasks)",
            revision(&primary.task_definition),
            service.running,
            service.desired
        ))
    }

    /// What to do about a failure.
    #[must_use]
    pub fn advice(&self) -> String {
        let mut words: Vec<String> = self.stopped.iter().map(StoppedTask::why).collect();
        words.extend(
            self.unhealthy
                .iter()
                .map(|target| format!("unhealthy {}", target.reason)),
        );
        words.extend(self.cause.iter().map(|cause| cause.reason.clone()));
        let known = advice(words.iter().map(String::as_str));
        let cause = known.unwrap_or("the cause above is in AWS's own words; put it right");
        match self.stack.status.as_str() {
            "UPDATE_ROLLBACK_FAILED" => format!(
                "{cause}. Then run `aws cloudformation continue-update-rollback --stack-name {}` (where a resource cannot be put right, with --resources-to-skip), and deploy again",
                self.stack.name
            ),
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => {
                format!("{cause}, then deploy again with --recreate")
            }
            _ => format!("{cause}, then deploy again"),
        }
    }

    /// The failure for a person: what, the first cause, what was seen of tasks and targets, where it stands, what to do.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("FAILED after {}", short(self.took));
        if self.gave_up {
            text.push_str(", given up because tasks failed");
        }
        text.push('\n');
        // Writing to a String cannot fail.
        if let Some(Cause {
            logical_id,
            kind,
            status,
            reason,
        }) = &self.cause
        {
            let _ = writeln!(
                text,
                "  first cause: {logical_id} ({kind}) {status}\n    {reason}"
            );
        }
        for task in &self.stopped {
            let _ = writeln!(text, "  {}", task_text(task));
        }
        for target in &self.unhealthy {
            let Target {
                address, reason, ..
            } = target;
            let _ = writeln!(
                text,
                "  target {address} failed its health checks: {reason}"
            );
        }
        if let Some(service) = &self.service {
            let _ = writeln!(text, "  last seen of the {}", service_text(service));
        }
        let _ = writeln!(text, "  now: {}", self.now());
        let _ = writeln!(text, "  what to do: {}", self.advice());
        text
    }

    /// The end for a program.
    #[must_use]
    pub fn json(&self) -> Value {
        let cause = |cause: &Cause| json!({ "logical_id": cause.logical_id, "resource_type": cause.kind, "status": cause.status, "reason": cause.reason });
        json!({
            "type": if self.reached { "done" } else { "failed" },
            "stack": self.stack.name,
            "status": self.stack.status,
            "took_s": self.took.as_secs(),
            "cause": self.cause.as_ref().map(cause),
            "stopped_tasks": self.stopped.iter().map(task_json).collect::<Vec<_>>(),
            "unhealthy_targets": self.unhealthy.iter().map(target).collect::<Vec<_>>(),
            "now": self.now(),
            "what_to_do": (!self.reached).then(|| self.advice()),
        })
    }
}
