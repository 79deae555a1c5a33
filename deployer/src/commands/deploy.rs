//! `deployer up` onto AWS: check, plan, confirm, apply, watch. What follows once the stack is there is in
//! `deploy_verify`.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use console::Term;
use deployer::aws::{Clients, Kind, StackState};
use deployer::deploy::{
    Cause, Goal, JsonLines, Limits, Lines, Notice, Operation, Outcome, Reporter, Request, Screen,
    Situation, Stopped, situation, watch,
};
use tokio::time::Instant;

use super::ask::ask;
use super::deploy_change::{
    Origin, Prepared, Step, change_set_name, check, discard, prepare, request,
};
use super::signal::{Signals, runtime};
use super::{deploy_origin, environment};
use crate::cli::{Ended, Exit, Output, line, print, say};

/// What `up` takes for an environment on AWS.
#[derive(clap::Args)]
#[command(next_help_heading = "For an environment on AWS")]
#[group(skip)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) course: Course,
    /// Delete a stack whose creation failed, and create it anew.
    #[arg(long)]
    recreate: bool,
}

/// How a deployment is carried out, onwards or back.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Course {
    /// Do not ask before anything is changed.
    #[arg(long)]
    pub(crate) yes: bool,
    /// How long to watch; the deployment goes on after that.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
    /// End the deployment, and undo it, once this many of its tasks have failed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    abort_on_task_failures: Option<u32>,
    /// Do not open real sessions through the load balancer in the end.
    #[arg(long)]
    no_probe: bool,
    /// A file with a backend key for the probe; the stack's own secret is read unless given.
    #[arg(long, value_name = "FILE")]
    pub(crate) backend_key_file: Option<PathBuf>,
}

/// What a deployment is to whoever wants it.
pub(crate) struct Errand {
    /// What was done, once it is: `deployed`.
    pub(crate) done: &'static str,
    /// How it goes on after an interruption.
    pub(crate) again: String,
    /// The commit that it brings, if there is one.
    pub(crate) commit: Option<String>,
    /// Whether a stack whose creation failed is deleted and created anew.
    pub(crate) recreate: bool,
}

/// How far a deployment has come, for whoever interrupts it.
enum Phase {
    /// Nothing was made.
    Before,
    /// A change set of this name was asked for.
    Planned(String),
    /// CloudFormation is at work.
    Running,
    /// It is done; what is live is being looked at.
    Verifying,
}

/// A deployment under way.
pub(super) struct Deployment<'a> {
    pub(super) course: &'a Course,
    pub(super) errand: Errand,
    pub(super) loaded: &'a environment::Loaded,
    pub(super) clients: Clients,
    pub(super) request: Request,
    pub(super) reporter: RefCell<Box<dyn Reporter>>,
    pub(super) output: Output,
    pub(super) limits: Limits,
    origin: Origin,
    phase: RefCell<Phase>,
}

pub(crate) fn run(
    args: &Args,
    loaded: &environment::Loaded,
    output: Output,
) -> anyhow::Result<Exit> {
    let request = request(loaded)?;
    let report = check(loaded)?;
    if output == Output::Json {
        print(&line(&report.json()))?;
    }
    if report.errors() > 0 {
        say(&report.text(std::io::stderr().is_terminal()))?;
        say("nothing was changed")?;
        return Ok(Exit::Failed);
    }
    say(&format!(
        "checked: {} rules hold, {} warnings, {} not seen before it is live",
        report.held,
        report.warnings(),
        report.undecided.len()
    ))?;
    let name = loaded.name.as_deref().unwrap_or_default();
    let errand = Errand {
        done: "deployed",
        again: format!("`deployer up --env {name}` takes it up again"),
        commit: deploy_origin::commit(),
        recreate: args.recreate,
    };
    carry_out(&args.course, loaded, request, errand, output)
}

/// Plans, confirms, applies and verifies what is asked for, whichever way it goes.
///
/// # Errors
/// It could not be planned, was declined or interrupted, or goes on unwatched.
pub(crate) fn carry_out(
    course: &Course,
    loaded: &environment::Loaded,
    request: Request,
    errand: Errand,
    output: Output,
) -> anyhow::Result<Exit> {
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let mut signals = Signals::take()?;
        let deployment = Deployment {
            course,
            loaded,
            clients: Clients::new(loaded.region.clone()).await,
            request,
            reporter: RefCell::new(reporter(output)),
            output,
            limits: Limits {
                until: Instant::now() + course.timeout,
                task_failures: course.abort_on_task_failures,
            },
            origin: Origin {
                caller: String::new(),
                commit: errand.commit.clone(),
            },
            errand,
            phase: RefCell::new(Phase::Before),
        };
        deployment.run(&mut signals).await
    });
    // A question that nobody has answered must not keep the process.
    runtime.shutdown_background();
    done
}

pub(super) fn reporter(output: Output) -> Box<dyn Reporter> {
    match output {
        Output::Json => Box::new(JsonLines(std::io::stdout())),
        Output::Text if std::io::stderr().is_terminal() => Box::new(Screen::new(Term::stderr())),
        Output::Text => Box::new(Lines(std::io::stderr())),
    }
}

impl Deployment<'_> {
    async fn run(mut self, signals: &mut Signals) -> anyhow::Result<Exit> {
        self.origin.caller = self.clients.caller().await?;
        let ended = tokio::select! {
            ended = self.deploy() => ended,
            () = signals.next() => Err(anyhow::anyhow!(self.interrupted()).context(Ended(Exit::Interrupted))),
        };
        // A plan that was not carried out is removed, whyever it was not.
        if let Phase::Planned(name) = self.phase.replace(Phase::Before) {
            let removed = discard(&self.clients, &self.request.stack, &name).await;
            if ended.is_ok() {
                removed?;
            }
        }
        ended
    }

    fn interrupted(&self) -> String {
        match *self.phase.borrow() {
            Phase::Before | Phase::Planned(_) => "nothing was changed".to_owned(),
            Phase::Running => format!("the deployment goes on at AWS; {}", self.errand.again),
            Phase::Verifying => format!(
                "it is deployed, and was not looked at to the end; {}",
                self.errand.again
            ),
        }
    }

    /// Tells that a stage begins.
    pub(super) fn stage(&self, text: impl Into<String>) {
        self.reporter.borrow_mut().tell(&Notice::Stage(text.into()));
    }

    async fn deploy(&self) -> anyhow::Result<Exit> {
        let (old, taken_up) = match self.ready().await? {
            Ok(ready) => ready,
            Err(exit) => return Ok(exit),
        };
        let prepared = self.plan(old.as_ref()).await?;
        self.show(&prepared)?;
        if prepared.plan.is_empty() {
            self.withdraw(&prepared).await?;
            self.phase.replace(Phase::Verifying);
            return self.verify(taken_up).await;
        }
        self.confirm().await?;
        let plan = &prepared.plan;
        if plan.changes_stack() {
            if let Some(exit) = self.apply(&prepared).await? {
                return Ok(exit);
            }
        } else {
            self.withdraw(&prepared).await?;
        }
        if let Some(exit) = self.settled().await? {
            return Ok(exit);
        }
        if plan.protects_later
            && let Some(exit) = self.protect_balancer().await?
        {
            return Ok(exit);
        }
        if let Some(on) = plan.protection {
            self.clients.protect(&self.request.stack, on).await?;
        }
        self.phase.replace(Phase::Verifying);
        self.verify(true).await
    }

    /// Brings the stack to where it can be deployed onto: what is in progress is watched to its end. The stack, and whether something
    /// was in progress; or how this ends before it has begun.
    async fn ready(&self) -> anyhow::Result<Result<(Option<StackState>, bool), Exit>> {
        let mut taken_up = false;
        loop {
            let stack = self.clients.stack(&self.request.stack).await?;
            let situation = situation(stack.as_ref());
            let Some(stack) = stack else {
                return Ok(Ok((None, taken_up)));
            };
            match situation {
                Situation::Absent | Situation::Reviewed => return Ok(Ok((None, taken_up))),
                Situation::Ready => return Ok(Ok((Some(stack), taken_up))),
                Situation::Busy => {
                    taken_up = true;
                    let goal = if stack.status == "DELETE_IN_PROGRESS" {
                        Goal::Deleted
                    } else {
                        Goal::Deployed
                    };
                    self.stage(format!(
                        "{} is {}: watching what is in progress",
                        stack.name, stack.status
                    ));
                    if let Some(exit) = self.watch(stack.id, None, goal).await? {
                        return Ok(Err(exit));
                    }
                }
                Situation::NeverLived if self.errand.recreate => {
                    self.stage(format!(
                        "{} is {}: deleting what is left of it",
                        stack.name, stack.status
                    ));
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

    async fn plan(&self, old: Option<&StackState>) -> anyhow::Result<Prepared> {
        let name = change_set_name()?;
        self.phase.replace(Phase::Planned(name.clone()));
        prepare(
            &self.clients,
            &self.request,
            old,
            &name,
            &self.origin,
            Step::On,
        )
        .await
    }

    fn show(&self, prepared: &Prepared) -> anyhow::Result<()> {
        print(&match self.output {
            Output::Json => line(&prepared.plan.json()),
            Output::Text => prepared.plan.text(std::io::stdout().is_terminal()),
        })
    }

    /// Removes a change set that is not to be executed.
    async fn withdraw(&self, prepared: &Prepared) -> anyhow::Result<()> {
        discard(&self.clients, &self.request.stack, &prepared.name).await?;
        self.phase.replace(Phase::Before);
        Ok(())
    }

    async fn confirm(&self) -> anyhow::Result<()> {
        if self.course.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            bail!(
                "nothing was changed: nobody is there to confirm the plan; --yes confirms it beforehand"
            );
        }
        let answer = ask(&format!("Apply this to {}? [y/N]", self.request.stack)).await?;
        if !["y", "yes"].contains(&answer.to_lowercase().as_str()) {
            bail!("declined; nothing was changed");
        }
        Ok(())
    }

    /// Carries a plan out and watches it; how it ends, if it ends here.
    async fn apply(&self, prepared: &Prepared) -> anyhow::Result<Option<Exit>> {
        let change_set = &prepared.change_set;
        let newest = self.clients.newest_event(&change_set.stack_id).await?;
        if let Err(error) = self.clients.execute_change_set(&change_set.id).await {
            let outdated = error.kind() == Kind::Missing
                || error.to_string().contains("InvalidChangeSetStatus");
            return Err(if outdated {
                anyhow::Error::new(error).context(
                    "nothing was changed: the change set has expired, or somebody else has deployed since it was planned; run it again",
                )
            } else {
                error.into()
            });
        }
        self.phase.replace(Phase::Running);
        self.watch(change_set.stack_id.clone(), newest, Goal::Deployed)
            .await
    }

    /// Switches the load balancer's protection on, which a stack that is created must not have yet.
    async fn protect_balancer(&self) -> anyhow::Result<Option<Exit>> {
        self.stage("the stack lives: its deletion protection goes on");
        let stack = self.clients.stack(&self.request.stack).await?;
        let name = change_set_name()?;
        let prepared = prepare(
            &self.clients,
            &self.request,
            stack.as_ref(),
            &name,
            &self.origin,
            Step::Same,
        )
        .await?;
        if prepared.plan.changes_stack() {
            return self.apply(&prepared).await;
        }
        discard(&self.clients, &self.request.stack, &name).await?;
        Ok(None)
    }

    /// Watches an operation to its end; how this ends, if it has not reached its goal.
    async fn watch(
        &self,
        stack_id: String,
        after: Option<String>,
        goal: Goal,
    ) -> anyhow::Result<Option<Exit>> {
        self.phase.replace(Phase::Running);
        let operation = Operation {
            stack_id,
            after,
            goal,
        };
        let mut reporter = &self.reporter;
        let outcome = watch(&self.clients, &operation, &self.limits, &mut reporter).await;
        let outcome = outcome.map_err(|stopped| self.stopped(stopped))?;
        if outcome.reached {
            return Ok(None);
        }
        self.failed(&outcome)?;
        Ok(Some(Exit::NotDeployed))
    }

    fn failed(&self, outcome: &Outcome) -> anyhow::Result<()> {
        match self.output {
            Output::Json => print(&line(&outcome.json())),
            Output::Text => say(outcome.text().trim_end()),
        }
    }

    /// The watch has ended, and the deployment has not.
    pub(super) fn stopped(&self, stopped: Stopped) -> anyhow::Error {
        let again = &self.errand.again;
        let error = match stopped {
            Stopped::TimedOut => anyhow::anyhow!(
                "the deployment is not done after {}, and goes on; {again}, --timeout gives it longer",
                humantime::format_duration(self.course.timeout)
            ),
            Stopped::Lost(error) => {
                anyhow::Error::new(error).context(format!("the deployment goes on; {again}"))
            }
        };
        error.context(Ended(Exit::StillRunning))
    }

    /// Looks at what is live. `whole` where something was deployed.
    async fn verify(&self, whole: bool) -> anyhow::Result<Exit> {
        if !whole && let Some(exit) = self.settled().await? {
            return Ok(exit);
        }
        let mut well = self.live_fits().await?;
        if whole && !self.course.no_probe {
            well &= self.probe().await?;
        }
        self.done(whole, well).await
    }
}
