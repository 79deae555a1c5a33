//! The steps of a deployment that change a stack: what is in progress is watched first, then plan,
//! question, change set and its watch.

use std::io::IsTerminal as _;

use crate::aws::{ChangeSet, Error, StackState};
use crate::stack_operation::{
    Cause, Goal, HIDDEN, Operation, Outcome, Situation, situation, watch,
};
use anyhow::bail;

use super::change_set::{How, Prepared, Step, change_set_name, prepare};
use super::{Deployment, Phase};
use crate::terminal::confirm;
use crate::terminal::say_waiting;
use crate::terminal::{Exit, Output, line, print, say};

/// How what was in progress has ended.
enum TakenUp {
    /// As it should.
    Reached,
    /// It failed and left the stack as it was. It was not this deployment, which can go on.
    Undone,
    /// It was this deployment, or nothing can be deployed onto what it left.
    Failed,
}

impl Deployment<'_> {
    /// Brings the stack to where it can be deployed onto: what is in progress is watched to its
    /// end. The stack, and whether something was in progress; or how this ends before it has begun.
    pub(super) async fn ready(&self) -> anyhow::Result<Result<(Option<StackState>, bool), Exit>> {
        let mut taken_up = false;
        loop {
            let stack = say_waiting(self.clients.stack(&self.request.stack)).await?;
            let situation = situation(stack.as_ref());
            let Some(stack) = stack else {
                return Ok(Ok((None, taken_up)));
            };
            match situation {
                Situation::Absent | Situation::Reviewed => return Ok(Ok((None, taken_up))),
                Situation::Ready => {
                    self.updated.set(stack.updated);
                    return Ok(Ok((Some(stack), taken_up)));
                }
                Situation::Busy => {
                    taken_up = true;
                    match self.take_up(stack).await? {
                        TakenUp::Reached => {}
                        TakenUp::Undone => taken_up = false,
                        TakenUp::Failed => return Ok(Err(Exit::NotDeployed)),
                    }
                }
                Situation::NeverLived if self.purpose.recreate => {
                    self.stage(format!("{} is {}: deleting it", stack.name, stack.status));
                    let newest = self.clients.newest_event(&stack.id).await?;
                    self.clients.delete_stack(&stack.id).await?;
                    if let Some(exit) = self.watch(stack.id, newest, Goal::Deleted).await? {
                        return Ok(Err(exit));
                    }
                }
                Situation::NeverLived | Situation::Stuck | Situation::HalfDeleted => {
                    let events = self
                        .clients
                        .events(&stack.id, None)
                        .await
                        .unwrap_or_default();
                    let failed = Cause::all(&events);
                    bail!(situation.way_out(&stack, &failed).unwrap_or_default());
                }
            }
        }
    }

    /// Watches what is in progress to its end.
    async fn take_up(&self, stack: StackState) -> anyhow::Result<TakenUp> {
        let goal = if stack.status == "DELETE_IN_PROGRESS" {
            Goal::Deleted
        } else {
            Goal::Deployed
        };
        self.stage(format!(
            "{} is {}: watching the operation in progress",
            stack.name, stack.status
        ));
        let is_another = self.is_another(&stack);
        let outcome = self.watched(stack.id, None, goal).await?;
        if outcome.reached {
            return Ok(TakenUp::Reached);
        }
        let left = situation(Some(&outcome.stack));
        if !is_another || !matches!(left, Situation::Ready | Situation::Absent) {
            self.failed(&outcome)?;
            return Ok(TakenUp::Failed);
        }
        let cause = outcome.cause.map(|cause| cause.reason);
        self.stage(format!(
            "another deployment was in progress and was rolled back: {}; continuing with this one",
            cause.as_deref().unwrap_or("nobody says why")
        ));
        self.phase.replace(Phase::Before);
        Ok(TakenUp::Undone)
    }

    pub(super) async fn plan(&self, old: Option<&StackState>) -> anyhow::Result<Prepared> {
        let name = change_set_name(self.purpose.rolls_back)?;
        self.phase.replace(Phase::Planned(name.clone()));
        self.prepared(old, &name, Step::On).await
    }

    async fn prepared(
        &self,
        old: Option<&StackState>,
        name: &str,
        step: Step,
    ) -> anyhow::Result<Prepared> {
        let how = How {
            step,
            reverts_drift: self.purpose.reverts_drift,
        };
        let origin = self.origin();
        prepare(&self.clients, &self.request, old, name, &origin, how).await
    }

    pub(super) fn show(&self, prepared: &Prepared) -> anyhow::Result<()> {
        print(&match self.output {
            Output::Json => line(&prepared.plan.json()),
            Output::Text => prepared.plan.text(std::io::stdout().is_terminal()),
        })
    }

    /// Removes a change set that is not to be executed.
    pub(super) async fn withdraw(&self, prepared: &Prepared) {
        self.remove_plan(&prepared.name).await;
        self.phase.replace(Phase::Before);
    }

    pub(super) async fn confirm(&self) -> anyhow::Result<()> {
        let question = format!("Apply this to {}?", self.request.stack);
        confirm(self.options.yes, &question).await
    }

    /// Carries a plan out and watches it; how it ends, if it ends here.
    pub(super) async fn apply(&self, prepared: &Prepared) -> anyhow::Result<Option<Exit>> {
        let change_set = &prepared.change_set;
        let newest = say_waiting(self.clients.newest_event(&change_set.stack_id)).await?;
        self.phase.replace(Phase::Begun(change_set.clone()));
        let execution = self
            .clients
            .execute_change_set(&change_set.id, &prepared.name);
        if let Err(error) = say_waiting(execution).await {
            self.not_begun(prepared, error).await?;
        }
        let exit = self
            .watch(change_set.stack_id.clone(), newest, Goal::Deployed)
            .await?;
        self.phase.replace(Phase::Verifying);
        Ok(exit)
    }

    /// The call that begins the deployment has failed. Its answer may have been lost, so what
    /// counts is what became of the change set.
    ///
    /// # Errors
    /// It was not begun, or nobody knows.
    async fn not_begun(&self, prepared: &Prepared, error: Error) -> anyhow::Result<()> {
        let found = say_waiting(self.clients.change_set(&prepared.change_set.id)).await;
        let error = anyhow::Error::new(error);
        let execution = match found {
            Ok(found) => found.map_or_else(String::new, |found| found.execution),
            Err(unknown) => return Err(error.context(unknown)),
        };
        if execution.starts_with("EXECUTE_") {
            return Ok(());
        }
        self.phase.replace(Phase::Planned(prepared.name.clone()));
        Err(error.context(if execution == "AVAILABLE" {
            "nothing was changed"
        } else {
            "nothing was changed: the change set has expired, or another deployment ran since it \
             was planned; run the command again"
        }))
    }

    /// Whether CloudFormation carries a change set out. One that it does not is removed, so that it
    /// never will.
    ///
    /// # Errors
    /// AWS cannot be asked, or does not remove it: it may have begun.
    pub(super) async fn has_begun(&self, change_set: &ChangeSet) -> Result<bool, Error> {
        let asking = async {
            match self.clients.change_set(&change_set.id).await? {
                Some(found) if found.execution.starts_with("EXECUTE_") => return Ok(true),
                Some(_) => {}
                None => return Ok(false),
            }
            let id = &change_set.id;
            self.clients
                .delete_change_set(&change_set.stack_id, id)
                .await?;
            Ok(false)
        };
        say_waiting(asking).await
    }

    /// Switches the load balancer's protection on, which a stack that is created must not have yet.
    pub(super) async fn protect_balancer(&self) -> anyhow::Result<Option<Exit>> {
        self.stage("the stack exists: switching its deletion protection on");
        let stack = self
            .sure(async || self.clients.stack(&self.request.stack).await)
            .await?;
        let name = change_set_name(self.purpose.rolls_back)?;
        let prepared = self.prepared(stack.as_ref(), &name, Step::Same).await?;
        if prepared.plan.changes_stack() {
            return self.apply(&prepared).await;
        }
        self.remove_plan(&name).await;
        Ok(None)
    }

    /// Whether what is in progress is not what this deployment is about: it brings other
    /// parameters, such as the image.
    fn is_another(&self, stack: &StackState) -> bool {
        let asked = self.request.parameters(stack.status.starts_with("CREATE"));
        asked.iter().any(|(name, value)| {
            let live = stack.parameters.get(name);
            live.is_some_and(|live| live != value && live != HIDDEN)
        })
    }

    /// Watches an operation to its end; how this ends, if it has not reached its goal.
    async fn watch(
        &self,
        stack_id: String,
        after: Option<String>,
        goal: Goal,
    ) -> anyhow::Result<Option<Exit>> {
        let outcome = self.watched(stack_id, after, goal).await?;
        if outcome.reached && outcome.overtaken {
            return self.overtaken().map(Some);
        }
        if outcome.reached {
            self.updated.set(outcome.stack.updated);
            return Ok(None);
        }
        self.failed(&outcome)?;
        Ok(Some(Exit::NotDeployed))
    }

    async fn watched(
        &self,
        stack_id: String,
        after: Option<String>,
        goal: Goal,
    ) -> anyhow::Result<Outcome> {
        self.phase.replace(Phase::Running);
        let operation = Operation {
            stack_id,
            after,
            goal,
        };
        let mut reporter = &self.reporter;
        let outcome = watch(&self.clients, &operation, &self.limits, &mut reporter).await;
        outcome.map_err(|stopped| self.stopped(stopped))
    }

    fn failed(&self, outcome: &Outcome) -> anyhow::Result<()> {
        match self.output {
            Output::Json => print(&line(&outcome.json())),
            Output::Text => say(outcome.text().trim_end()),
        }
    }
}
