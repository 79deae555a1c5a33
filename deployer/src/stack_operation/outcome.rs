//! How an operation on a stack ended: where it stands now, and if it failed, why and what to do.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::Cause;
use super::advice::advice;
use super::documents::target;
use super::notice::{revision, service_text, short, task_json, task_text};
use super::situation::command;
use crate::aws::{ServiceState, StackState, StoppedTask, Target};

/// How an operation on a stack ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The stack as it is now.
    pub stack: StackState,
    /// Whether that is what was wanted.
    pub reached: bool,
    /// The first real cause, if it is not.
    pub cause: Option<Cause>,
    /// The resources that could be neither brought back nor deleted, where the stack is stuck over
    /// them.
    pub stuck: Vec<Cause>,
    /// The tasks that stopped and should not have: the first few.
    pub stopped: Vec<StoppedTask>,
    /// The targets that failed their health checks, and never passed them since: the first few.
    pub unhealthy: Vec<Target>,
    /// The service as it was last seen.
    pub service: Option<ServiceState>,
    /// Whether it was ended because too many tasks failed.
    pub gave_up: bool,
    /// Whether another operation on the stack has begun since.
    pub overtaken: bool,
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
                "{name} is ROLLBACK_COMPLETE: its creation failed, and its resources are deleted"
            ),
            "DELETE_COMPLETE" => "the stack is deleted".to_owned(),
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
        let known = advice(self.words().iter().map(String::as_str));
        let ids: Vec<_> = self
            .stuck
            .iter()
            .map(|cause| cause.logical_id.as_str())
            .collect();
        let cause = match (known, ids.as_slice()) {
            (Some(known), _) => known.to_owned(),
            (None, []) => "the cause above is AWS's message; fix it".to_owned(),
            (None, ids) => format!("fix what blocks {}", ids.join(", ")),
        };
        match self.stack.status.as_str() {
            "UPDATE_ROLLBACK_FAILED" => {
                let skip = match ids.as_slice() {
                    [] => "--skip LOGICAL_ID".to_owned(),
                    ids => format!("--skip {}", ids.join(" --skip ")),
                };
                format!(
                    "{cause}, then run `{}` (if a resource cannot be fixed, with `{skip}`){}",
                    command("rollback", &self.stack),
                    self.afterwards()
                )
            }
            "DELETE_FAILED" => format!(
                "{cause}, then run `{}`{}",
                command("down", &self.stack),
                self.afterwards()
            ),
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => {
                format!("{cause}, then deploy again with --recreate")
            }
            _ => format!("{cause}, then deploy again"),
        }
    }

    /// What AWS said, in the order in which it explains the failure.
    fn words(&self) -> Vec<String> {
        if !self.stuck.is_empty() {
            // Whatever set it off, these are in the way now; what one of them said before may tell
            // more.
            let same = |cause: &&Cause| self.stuck.iter().any(|s| s.logical_id == cause.logical_id);
            let causes = self.stuck.iter().chain(self.cause.iter().filter(same));
            return causes.map(|cause| cause.reason.clone()).collect();
        }
        let tasks = self.stopped.iter().map(StoppedTask::why);
        let targets = self.unhealthy.iter();
        let targets = targets.map(|target| format!("unhealthy {}", target.reason));
        let cause = self.cause.iter().map(|cause| cause.reason.clone());
        tasks.chain(targets).chain(cause).collect()
    }

    /// What failed before anything was undone; none where the undoing itself is what failed.
    fn first_cause(&self) -> Option<&Cause> {
        let cause = self.cause.as_ref();
        cause.filter(|cause| !self.stuck.contains(cause))
    }

    /// What is still to do once nothing is in the way any more.
    fn afterwards(&self) -> &'static str {
        match self.first_cause() {
            Some(_) => "; then fix the first cause and deploy again",
            None => "",
        }
    }

    /// The failure for a person: what, the first cause, what was seen of tasks and targets, where
    /// it stands, what to do.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("FAILED after {}", short(self.took));
        if self.gave_up {
            text.push_str(", cancelled because tasks failed");
        }
        text.push('\n');
        // Writing to a String cannot fail.
        if let Some(cause) = self.first_cause() {
            let _ = writeln!(text, "  first cause: {}", cause.text());
        }
        for stuck in &self.stuck {
            let does = match self.stack.status.as_str() {
                "UPDATE_ROLLBACK_FAILED" => "rollback failed",
                _ => "stays",
            };
            let _ = writeln!(text, "  {does}: {}", stuck.text());
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
            "stuck": self.stuck.iter().map(cause).collect::<Vec<_>>(),
            "stopped_tasks": self.stopped.iter().map(task_json).collect::<Vec<_>>(),
            "unhealthy_targets": self.unhealthy.iter().map(target).collect::<Vec<_>>(),
            "now": self.now(),
            "what_to_do": (!self.reached).then(|| self.advice()),
        })
    }
}
