//! Follows whatever CloudFormation does to a stack until it is done, and tells each step.
//!
//! It changes nothing, except that it ends a deployment of which too many tasks have failed, where it is told to.

use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;
use super::{Cause, Notice, Outcome, Progress, Reporter, Rollout};
use crate::aws::{Clients, Error, Event, Kind, StackState};

/// The longest that nothing is told: pipelines kill what is silent.
const SILENCE: Duration = Duration::from_secs(25);
/// How long AWS may be out of reach before the watch is given up.
const OUTAGE: Duration = Duration::from_secs(300);
const SERVICE: &str = "AWS::ECS::Service";

/// What is watched.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The stack's ARN: a name would not find one that is deleted.
    pub stack_id: String,
    /// The last event before the operation; none for one that is taken up, which is told from its beginning.
    pub after: Option<String>,
    /// What it is to reach.
    pub goal: Goal,
}

/// What an operation is to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The stack is created or updated.
    Deployed,
    /// It is back at its previous version.
    RolledBack,
    /// It is gone.
    Deleted,
}

impl Goal {
    /// Whether a stack that has come to rest is where it should be.
    fn is_reached(self, status: &str) -> bool {
        match self {
            Self::Deployed => {
                ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"].contains(&status)
            }
            Self::RolledBack => status == "UPDATE_ROLLBACK_COMPLETE",
            Self::Deleted => status == "DELETE_COMPLETE",
        }
    }
}

/// How long, and how patiently.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// When to stop watching.
    pub until: Instant,
    /// The failed tasks at which the deployment is ended; none: CloudFormation and ECS decide.
    pub task_failures: Option<u32>,
}

/// Why a watch ended before what it watched.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The time was up.
    #[error("the time is up, and it goes on")]
    TimedOut,
    /// AWS can no longer be asked.
    #[error(transparent)]
    Lost(#[from] Error),
}

/// Watches an operation to its end.
///
/// # Errors
/// The time was up, or AWS cannot be asked any more. The operation itself goes on.
pub async fn watch(
    clients: &Clients,
    operation: &Operation,
    limits: &Limits,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, Stopped> {
    let mut watch = Watch {
        clients,
        operation,
        reporter,
        events: Vec::new(),
        progress: Progress::default(),
        rollout: Rollout::default(),
        gave_up: false,
        began: Instant::now(),
        told: Instant::now(),
    };
    let mut pace = Pace::new();
    let mut reached = Instant::now();
    loop {
        match watch.look(limits).await {
            Ok(Some(stack)) => return Ok(watch.outcome(stack)),
            Ok(None) => reached = Instant::now(),
            Err(error) if error.kind().passes() && reached.elapsed() < OUTAGE => {
                watch.tell(&Notice::Trouble(error.to_string()));
            }
            Err(error) => return Err(Stopped::Lost(error)),
        }
        watch.break_silence();
        if pace.next(limits.until).await {
            return Err(Stopped::TimedOut);
        }
    }
}

struct Watch<'a> {
    clients: &'a Clients,
    operation: &'a Operation,
    reporter: &'a mut dyn Reporter,
    events: Vec<Event>,
    progress: Progress,
    rollout: Rollout,
    gave_up: bool,
    began: Instant,
    told: Instant,
}

impl Watch<'_> {
    /// Looks once; the stack, if it has come to rest.
    async fn look(&mut self, limits: &Limits) -> Result<Option<StackState>, Error> {
        // The state first: once it is at rest, the events that follow are all there are.
        let stack = self.clients.stack(&self.operation.stack_id).await?;
        let stack = stack.unwrap_or_else(|| StackState {
            id: self.operation.stack_id.clone(),
            status: "DELETE_COMPLETE".to_owned(),
            ..StackState::default()
        });
        let last = self.events.last().map(|event| event.id.as_str());
        let after = last.or(self.operation.after.as_deref());
        let new = match self.clients.events(&stack.id, after).await {
            // A stack that is gone may take its events with it.
            Err(error) if error.kind() == Kind::Missing => Vec::new(),
            events => events?,
        };
        if self.events.is_empty() {
            self.rollout = Rollout::since(new.first().map(|event| event.at));
        }
        for event in new {
            let item = self.progress.take(&event).clone();
            self.tell(&Notice::Resource(event.clone(), item));
            self.events.push(event);
        }
        self.look_at_services().await?;
        self.give_up(&stack, limits).await?;
        self.reporter.tell(&Notice::Tick);
        // Right after the call the status may still be the old one.
        let begun =
            self.operation.after.is_none() || self.events.iter().any(|event| event.of_stack);
        Ok((begun && !stack.is_busy()).then_some(stack))
    }

    /// Looks at the services that are being changed.
    async fn look_at_services(&mut self) -> Result<(), Error> {
        let services: Vec<String> = self
            .progress
            .items
            .values()
            .filter(|item| item.kind == SERVICE && item.is_busy() && !item.physical_id.is_empty())
            .map(|item| item.physical_id.clone())
            .collect();
        let of_kind = |kind: &'static str| move |item: &&super::Item| item.kind == kind;
        let revised = self
            .progress
            .items
            .values()
            .find(of_kind("AWS::ECS::TaskDefinition"));
        if let Some(revised) = revised.filter(|item| !item.physical_id.is_empty()) {
            self.rollout.about(&revised.physical_id);
        }
        let cluster = self
            .progress
            .items
            .values()
            .find(of_kind("AWS::ECS::Cluster"));
        let cluster = cluster.map(|item| item.physical_id.clone());
        for service in services {
            let news = self
                .rollout
                .look(self.clients, &service, cluster.as_deref());
            for notice in news.await? {
                self.tell(&notice);
            }
        }
        Ok(())
    }

    /// Ends the deployment once so many tasks have failed. A creation cannot be cancelled: it is deleted.
    async fn give_up(&mut self, stack: &StackState, limits: &Limits) -> Result<(), Error> {
        let failures = self.rollout.failures();
        if self.gave_up || limits.task_failures.is_none_or(|most| failures < most) {
            return Ok(());
        }
        match stack.status.as_str() {
            "CREATE_IN_PROGRESS" => self.clients.delete_stack(&stack.id).await?,
            "UPDATE_IN_PROGRESS" => self.clients.cancel_update(&stack.id).await?,
            _ => return Ok(()),
        }
        self.gave_up = true;
        self.tell(&Notice::GivingUp { failures });
        Ok(())
    }

    fn tell(&mut self, notice: &Notice) {
        self.reporter.tell(notice);
        self.told = Instant::now();
    }

    fn break_silence(&mut self) {
        if self.told.elapsed() < SILENCE {
            return;
        }
        let busy: Vec<_> = self.progress.busy().collect();
        let on = if busy.is_empty() {
            "CloudFormation".to_owned()
        } else {
            busy.join(", ")
        };
        let elapsed = self.began.elapsed();
        self.tell(&Notice::Waiting { elapsed, on });
    }

    fn outcome(self, stack: StackState) -> Outcome {
        let reached = self.operation.goal.is_reached(&stack.status);
        let failed = if reached {
            None
        } else {
            Cause::first(&self.events)
        };
        Outcome {
            reached,
            cause: failed,
            unhealthy: self.rollout.unhealthy(),
            stopped: self.rollout.stopped,
            service: self.rollout.service,
            gave_up: self.gave_up,
            took: self.began.elapsed(),
            stack,
        }
    }
}
