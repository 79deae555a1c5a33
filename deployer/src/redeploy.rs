//! `deployer redeploy`: fresh tasks of the revision that runs, for a secret that was rotated or a
//! task that is stuck. Nothing of the stack changes.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::time::Instant;

use crate::aws::{Clients, Resource, StackState};
use crate::deployment::{reporter, watching};
use crate::named_stack::Named;
use crate::preflight::account_of_stack;
use crate::stack_operation::{
    Limits, Situation, SteadyState, Stopped, situation, wait_for_fresh_tasks,
};
use crate::terminal::say_waiting;
use crate::terminal::{Ended, Exit, Output, Signals, confirm, line, print, runtime, say};

/// How to replace tasks.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// Do not ask before anything is changed.
    #[arg(long)]
    pub yes: bool,
    /// How long to watch; the deployment goes on after that.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = watching)]
    pub timeout: Duration,
}

/// Replaces the tasks of a stack.
///
/// # Errors
/// There is no such stack, something is in progress, it was declined or interrupted, or goes on
/// unwatched.
pub fn run(args: &Args, named: &Named, output: Output) -> anyhow::Result<Exit> {
    interruptible(named, args.timeout, output, async |fresh| {
        fresh.ask_and_start(args.yes).await
    })
}

/// Does something with a stack's tasks until it has ended, or Ctrl-C comes.
pub(crate) fn interruptible(
    named: &Named,
    timeout: Duration,
    output: Output,
    what: impl AsyncFnOnce(&FreshTasks<'_>) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let mut signals = Signals::take()?;
        let fresh = FreshTasks {
            clients: &Clients::new(named.region.clone()).await,
            named,
            timeout,
            output,
            told: Cell::new(Told::Nothing),
        };
        tokio::select! {
            ended = async {
                account_of_stack(fresh.clients, named).await?;
                what(&fresh).await
            } => ended,
            () = signals.next() => Err(fresh.interrupted()),
        }
    });
    // A question that nobody has answered must not keep the process.
    runtime.shutdown_background();
    ended
}

/// What AWS was told to do, and may have done, though no answer has come.
#[derive(Clone, Copy)]
pub(crate) enum Told {
    Nothing,
    /// To change the secret.
    Secret,
    /// To replace tasks.
    Tasks,
}

/// Fresh tasks for a stack, under way.
pub(crate) struct FreshTasks<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) named: &'a Named,
    timeout: Duration,
    output: Output,
    pub(crate) told: Cell<Told>,
}

impl FreshTasks<'_> {
    async fn ask_and_start(&self, yes: bool) -> anyhow::Result<Exit> {
        let stack = self.ready().await?;
        let question = format!("Replace all tasks of {} by fresh ones?", stack.name);
        confirm(yes, &question).await?;
        self.start(&stack).await
    }

    /// The stack, where nothing is in progress.
    ///
    /// # Errors
    /// There is none, or a deployment runs.
    pub(crate) async fn ready(&self) -> anyhow::Result<StackState> {
        let stack = say_waiting(self.clients.stack(&self.named.name)).await?;
        let stack = stack.with_context(|| self.named.absent())?;
        if situation(Some(&stack)) != Situation::Ready {
            bail!(
                "nothing was changed: {} is {}; {} shows it, and `deployer up` takes up what is in \
                 progress",
                stack.name,
                stack.status,
                self.shows()
            );
        }
        let (services, cluster) = self.services(&stack).await?;
        for service in &services {
            let found = self
                .clients
                .service(&service.physical_id, cluster.as_deref());
            let found = say_waiting(found).await?;
            let found =
                found.with_context(|| format!("there is no service {}", service.physical_id))?;
            let runs = |one: &crate::aws::Deployment| one.rollout == "IN_PROGRESS";
            if found.deployments.len() > 1 || found.deployments.iter().any(runs) {
                bail!(
                    "nothing was changed: a deployment of the service {} is in progress; {} shows \
                     it",
                    found.name,
                    self.shows()
                );
            }
        }
        Ok(stack)
    }

    async fn services(
        &self,
        stack: &StackState,
    ) -> anyhow::Result<(Vec<Resource>, Option<String>)> {
        let resources = say_waiting(self.clients.resources(&stack.name)).await?;
        let cluster = resources.iter().find(|r| r.kind == "AWS::ECS::Cluster");
        let cluster = cluster.map(|cluster| cluster.physical_id.clone());
        let services: Vec<_> = resources
            .into_iter()
            .filter(|resource| resource.kind == "AWS::ECS::Service")
            .collect();
        if services.is_empty() {
            bail!(
                "{} has no ECS service whose tasks could be replaced",
                stack.name
            );
        }
        Ok((services, cluster))
    }

    /// Replaces the tasks of each service, and watches until fresh ones alone run.
    ///
    /// # Errors
    /// AWS refuses, or it goes on unwatched.
    pub(crate) async fn start(&self, stack: &StackState) -> anyhow::Result<Exit> {
        let (services, cluster) = self.services(stack).await?;
        let limits = Limits {
            until: Instant::now() + self.timeout,
            task_failures: None,
        };
        let mut reporter = reporter(self.output);
        for service in &services {
            let place = (service.physical_id.as_str(), cluster.as_deref());
            self.told.set(Told::Tasks);
            let begun = say_waiting(self.clients.replace_tasks(place.0, place.1)).await;
            let begun = begun.map_err(|error| self.unsure(error))?;
            let ended = wait_for_fresh_tasks(self.clients, place, &begun, &limits, &mut *reporter);
            let ended = ended.await.map_err(|stopped| self.stopped(stopped))?;
            if let SteadyState::No(why) = ended {
                self.failed(&service.logical_id, &why)?;
                return Ok(Exit::NotDeployed);
            }
        }
        self.done(stack)?;
        Ok(Exit::Well)
    }

    fn done(&self, stack: &StackState) -> anyhow::Result<()> {
        match self.output {
            Output::Json => print(&line(&json!({
                "type": "done", "stack": stack.name, "status": stack.status, "changed": true,
                "well": true, "url": stack.outputs.get("Url"),
            }))),
            Output::Text => print(&format!("redeployed: {} runs on fresh tasks\n", stack.name)),
        }
    }

    fn failed(&self, service: &str, why: &str) -> anyhow::Result<()> {
        let now = "the stack is unchanged; ECS keeps or brings back tasks of the same revision";
        let advice = "`deployer logs` and the service's stopped tasks say why";
        match self.output {
            Output::Json => print(&line(&json!({
                "type": "failed", "stack": self.named.name,
                "cause": { "logical_id": service, "resource_type": "AWS::ECS::Service", "reason": why },
                "now": now, "what_to_do": advice,
            }))),
            Output::Text => say(&format!(
                "FAILED\n  first cause: {service} (AWS::ECS::Service)\n    {why}\n  now: {now}\n  \
                 what to do: {advice}"
            )),
        }
    }

    fn shows(&self) -> String {
        format!("`deployer status {} --watch`", self.named.flag())
    }

    /// The watch has ended, and the deployment has not.
    fn stopped(&self, stopped: Stopped) -> anyhow::Error {
        let shows = self.shows();
        let error = match stopped {
            Stopped::TimedOut => anyhow::anyhow!(
                "the fresh tasks are not all there after {}, and ECS continues; {shows} shows it",
                humantime::format_duration(self.timeout)
            ),
            Stopped::Lost(error) => {
                anyhow::Error::new(error).context(format!("ECS continues; {shows} shows it"))
            }
        };
        error.context(Ended(Exit::StillRunning))
    }

    fn interrupted(&self) -> anyhow::Error {
        anyhow::anyhow!(self.left()).context(Ended(Exit::Interrupted))
    }

    /// The error of a change, with what it may have left behind: a refusal leaves nothing.
    pub(crate) fn unsure(&self, error: crate::aws::Error) -> anyhow::Error {
        let may_be_done = error.kind().passes();
        let error = anyhow::Error::new(error);
        match may_be_done {
            true => error.context(self.left()),
            false => error,
        }
    }

    /// What is left behind where an answer has not come.
    fn left(&self) -> String {
        let flag = self.named.flag();
        match self.told.get() {
            Told::Nothing => "nothing was changed".to_owned(),
            Told::Secret => format!(
                "the secret may be changed: `deployer keys list {flag}` shows its keys, and \
                 `deployer redeploy {flag}` brings them to the tasks"
            ),
            Told::Tasks => format!(
                "ECS may have begun to replace tasks, and continues then; {} shows it",
                self.shows()
            ),
        }
    }
}
