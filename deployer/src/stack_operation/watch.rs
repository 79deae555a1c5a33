//! Follows whatever CloudFormation does to a stack until it is done, and tells each step.
//!
//! It changes nothing, except that it ends a deployment of which too many tasks have failed, where
//! it is told to.

use std::collections::BTreeMap;
use std::time::SystemTime;

use tokio::time::Instant;

use super::wait::Wait;
use super::{Cause, Notice, Outcome, Progress, Reporter, Rollout};
use crate::aws::{Clients, Error, Event, Kind, StackState};

const SERVICE: &str = "AWS::ECS::Service";

/// What is watched.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The stack's ARN: a name would not find one that is deleted.
    pub stack_id: String,
    /// The last event before the operation; none for one that is taken up, which is told from its
    /// beginning.
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
    #[error("the time limit is reached; the operation continues")]
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
        wait: Wait::new(limits.until, reporter),
        events: Vec::new(),
        progress: Progress::default(),
        since: None,
        rollouts: BTreeMap::new(),
        gave_up: false,
        overtaken: false,
    };
    loop {
        let looked = watch.observe(limits).await;
        if let Some(Some(stack)) = watch.wait.survive(looked)? {
            return Ok(watch.outcome(stack));
        }
        let busy: Vec<_> = watch.progress.busy().collect();
        let on = || match busy.is_empty() {
            true => "CloudFormation".to_owned(),
            false => busy.join(", "),
        };
        watch.wait.pause(on).await?;
    }
}

struct Watch<'a> {
    clients: &'a Clients,
    operation: &'a Operation,
    wait: Wait<'a>,
    events: Vec<Event>,
    progress: Progress,
    /// When the operation began, by AWS's clock.
    since: Option<SystemTime>,
    /// Each service that is changed, by its ARN.
    rollouts: BTreeMap<String, Rollout>,
    gave_up: bool,
    overtaken: bool,
}

impl Watch<'_> {
    /// Looks once; the stack, if it has come to rest.
    async fn observe(&mut self, limits: &Limits) -> Result<Option<StackState>, Stopped> {
        // The state first: once it is at rest, the events that follow are all there are.
        let id = &self.operation.stack_id;
        let stack = self.wait.answer(self.clients.stack(id)).await?;
        let is_gone = stack.is_none();
        let stack = stack.unwrap_or_else(|| StackState {
            id: id.clone(),
            status: "DELETE_COMPLETE".to_owned(),
            ..StackState::default()
        });
        let last = self.events.last().map(|event| event.id.as_str());
        let after = last.or(self.operation.after.as_deref());
        let new = match self.wait.answer(self.clients.events(id, after)).await {
            // A stack that is gone may take its events with it.
            Err(Stopped::Lost(error)) if error.kind() == Kind::Missing => Vec::new(),
            events => events?,
        };
        if self.events.is_empty() {
            self.since = new.first().map(|event| event.at);
        }
        for event in new {
            let item = self.progress.take(&event).clone();
            self.wait.tell(&Notice::Resource(event.clone(), item));
            self.events.push(event);
        }
        self.look_at_services().await?;
        self.give_up(&stack, limits).await?;
        self.wait.tick();
        if let Some(status) = self.overtaken() {
            return Ok(Some(StackState { status, ..stack }));
        }
        Ok((is_gone || self.is_at_rest(&stack)).then_some(stack))
    }

    /// The status in which the operation has ended, where another has begun since. What that one
    /// does is no news of this one.
    fn overtaken(&mut self) -> Option<String> {
        let begun = self.events.iter().position(|event| event.of_stack)?;
        let ended = self.events.iter().skip(begun).position(Event::rests)? + begun;
        let next = self.events[ended..].iter().any(Event::begins);
        next.then(|| {
            self.events.truncate(ended + 1);
            self.overtaken = true;
            self.events[ended].status.clone()
        })
    }

    /// Whether the operation is over. State and events come from different calls, and either may
    /// lag behind: what was at rest before the operation is no end of it, so both must tell the
    /// same.
    fn is_at_rest(&self, stack: &StackState) -> bool {
        let told = self.events.iter().rfind(|event| event.of_stack);
        !stack.is_busy() && told.is_some_and(|event| event.status == stack.status)
    }

    /// Looks at the services that are being changed.
    async fn look_at_services(&mut self) -> Result<(), Stopped> {
        let items = || self.progress.items.values();
        let named = |kind: &str| {
            let found = items().filter(|item| item.kind == kind && !item.physical_id.is_empty());
            found
                .map(|item| item.physical_id.clone())
                .collect::<Vec<_>>()
        };
        let busy = items().filter(|item| item.kind == SERVICE && item.is_busy());
        let services: Vec<String> = busy
            .map(|item| item.physical_id.clone())
            .filter(|id| !id.is_empty())
            .collect();
        let cluster = named("AWS::ECS::Cluster").into_iter().next();
        let revised = named("AWS::ECS::TaskDefinition");
        for service in services {
            let fresh = || Rollout::since(self.since);
            let rollout = self.rollouts.entry(service.clone()).or_insert_with(fresh);
            // With several, the operation does not tell whose each is.
            if let [revised] = &revised[..] {
                rollout.about(revised);
            }
            let look = rollout.observe(self.clients, &service, cluster.as_deref());
            for notice in self.wait.answer(look).await? {
                self.wait.tell(&notice);
            }
        }
        Ok(())
    }

    /// The tasks that have failed of the service of which most have.
    fn failures(&self) -> u32 {
        let failures = self.rollouts.values().map(Rollout::failures);
        failures.max().unwrap_or(0)
    }

    /// Ends the deployment once so many tasks have failed. A creation cannot be cancelled: it is
    /// deleted.
    async fn give_up(&mut self, stack: &StackState, limits: &Limits) -> Result<(), Stopped> {
        let failures = self.failures();
        if self.gave_up || limits.task_failures.is_none_or(|most| failures < most) {
            return Ok(());
        }
        match stack.status.as_str() {
            "CREATE_IN_PROGRESS" => {
                let end = self.clients.delete_stack(&stack.id);
                self.wait.answer(end).await?;
            }
            "UPDATE_IN_PROGRESS" => {
                let end = self.clients.cancel_update(&stack.id);
                match self.wait.answer(end).await {
                    // ECS gave up first: CloudFormation goes back already.
                    Err(Stopped::Lost(error)) if error.kind() == Kind::Refused => return Ok(()),
                    ended => ended?,
                }
            }
            _ => return Ok(()),
        }
        self.gave_up = true;
        self.wait.tell(&Notice::GivingUp { failures });
        Ok(())
    }

    fn outcome(self, stack: StackState) -> Outcome {
        let reached = self.operation.goal.is_reached(&stack.status);
        let failed = if reached {
            None
        } else {
            Cause::first(&self.events)
        };
        // What went wrong is told of the service of which most tasks failed.
        let mut rollouts: Vec<_> = self.rollouts.into_values().collect();
        rollouts.sort_by_key(|rollout| std::cmp::Reverse(rollout.failures()));
        let unhealthy = rollouts.iter().flat_map(Rollout::unhealthy).collect();
        let service = rollouts.iter().find_map(|rollout| rollout.service.clone());
        let stopped = rollouts.into_iter().flat_map(|rollout| rollout.stopped);
        let stopped = stopped.collect();
        Outcome {
            reached,
            cause: failed,
            stuck: Cause::stuck(&self.events, &stack.status),
            unhealthy,
            stopped,
            service,
            gave_up: self.gave_up,
            overtaken: self.overtaken,
            took: self.wait.began.elapsed(),
            stack,
        }
    }
}
