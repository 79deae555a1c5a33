//! A deployment onto AWS from the check to the probe, and what becomes of it when it is
//! interrupted.
//!
//! [`run`] is the order in which it happens. `apply` has the steps that change a stack, `verify`
//! those that look at what is live, [`rollback`] the way back.

mod apply;
mod arguments;
pub mod change_set;
pub mod commit;
mod facts;
mod interrupted;
mod look_ahead;
mod restore;
pub mod rollback;
mod verify;

use std::cell::{Cell, RefCell};
use std::io::IsTerminal as _;
use std::time::SystemTime;

use crate::aws::{ChangeSet, Clients, Error};
use crate::stack_operation::{
    JsonLines, Limits, Lines, Notice, Reporter, Request, Screen, Stopped, patiently,
};
use anyhow::Context as _;
use console::Term;
use serde_json::json;
use tokio::time::Instant;

use crate::terminal::colour::is_able;
use crate::terminal::say_waiting;
pub(crate) use arguments::watching;
pub use arguments::{Options, role};
use change_set::{check, request};

use crate::history::Origin;
use crate::loaded_environment::Loaded;
use crate::preflight::account;
use crate::terminal::{Ended, Exit, Output, line, print, say};
use crate::terminal::{Signals, runtime};

/// What `up` takes for an environment on AWS.
#[derive(clap::Args)]
#[command(next_help_heading = "For an environment on AWS")]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    options: Options,
    /// Delete a stack whose creation failed, and create it anew.
    #[arg(long)]
    recreate: bool,
    /// Bring back what was changed outside of CloudFormation: it compares what is live with the
    /// template, and the plan shows what it would change.
    #[arg(long)]
    revert_drift: bool,
    /// Do not look at account quotas, certificate, image and network before anything is changed.
    #[arg(long)]
    no_preflight: bool,
}

impl Args {
    /// The flag that was given and means nothing where there is no stack on AWS.
    #[must_use]
    pub fn about_a_stack(&self) -> Option<&'static str> {
        let flags = [
            (self.recreate, "--recreate"),
            (self.revert_drift, "--revert-drift"),
            (self.no_preflight, "--no-preflight"),
        ];
        flags
            .into_iter()
            .find_map(|(given, flag)| given.then_some(flag))
    }
}

/// What a deployment is to whoever wants it.
pub struct Purpose {
    /// What was done, once it is: `deployed`.
    pub done: &'static str,
    /// How it goes on after an interruption.
    pub again: String,
    /// The commit that it brings, if there is one.
    pub commit: Option<String>,
    /// Whether a stack whose creation failed is deleted and created anew.
    pub recreate: bool,
    /// Whether it brings back what ran before.
    pub rolls_back: bool,
    /// Whether drift is reverted.
    pub reverts_drift: bool,
    /// Whether what it needs on AWS is looked at before anything is changed.
    pub looks_ahead: bool,
}

/// How far a deployment has come, for whoever interrupts it.
pub(crate) enum Phase {
    /// Nothing was made.
    Before,
    /// A change set of this name was asked for.
    Planned(String),
    /// CloudFormation was told to carry this change set out, and may not know yet.
    Begun(ChangeSet),
    /// CloudFormation is at work.
    Running,
    /// It is done; what is live is being looked at.
    Verifying,
}

/// A deployment under way.
pub(crate) struct Deployment<'a> {
    pub(crate) options: &'a Options,
    pub(crate) purpose: Purpose,
    pub(crate) loaded: &'a Loaded,
    pub(crate) clients: Clients,
    pub(crate) request: Request,
    pub(crate) reporter: RefCell<Box<dyn Reporter>>,
    pub(crate) output: Output,
    pub(crate) limits: Limits,
    pub(crate) phase: RefCell<Phase>,
    /// Whose credentials deploy; empty before they are asked for.
    pub(crate) caller: RefCell<String>,
    /// When the stack's last update began, as it was last watched or found.
    pub(crate) updated: Cell<Option<SystemTime>>,
}

/// Deploys an environment onto AWS.
///
/// # Errors
/// It could not be planned, was declined or interrupted, or goes on unwatched.
pub fn run(args: &Args, loaded: &Loaded, output: Output) -> anyhow::Result<Exit> {
    let request = request(loaded)?;
    let report = check(loaded)?;
    if output == Output::Json {
        print(&line(&report.json()))?;
    }
    if report.errors() > 0 {
        say(&report.text(std::io::stderr().is_terminal()))?;
        say("nothing was changed")?;
        if output == Output::Json {
            print(&line(&json!({
                "type": "failed", "stack": request.stack, "cause": null, "now": "nothing was \
                    changed",
                "what_to_do": "fix the violations, or list the rules under `ignore` with a reason",
            })))?;
        }
        return Ok(Exit::Failed);
    }
    say(&format!(
        "checked: {} rules hold, {} warnings, {} not seen before it is live; template {}",
        report.held,
        report.warnings(),
        report.undecided.len(),
        loaded.template.name()
    ))?;
    let name = loaded.name.as_deref().unwrap_or_default();
    let purpose = Purpose {
        done: "deployed",
        again: format!("`deployer up --env {name}` resumes it"),
        commit: commit::commit(loaded),
        recreate: args.recreate,
        rolls_back: false,
        reverts_drift: args.revert_drift,
        looks_ahead: !args.no_preflight,
    };
    carry_out(&args.options, loaded, request, purpose, output)
}

/// Plans, confirms, applies and verifies what is asked for, whichever way it goes.
///
/// # Errors
/// It could not be planned, was declined or interrupted, or goes on unwatched.
pub fn carry_out(
    options: &Options,
    loaded: &Loaded,
    mut request: Request,
    purpose: Purpose,
    output: Output,
) -> anyhow::Result<Exit> {
    if let Some(role) = &options.role_arn {
        request.options.role = Some(role.clone());
    }
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let mut signals = Signals::take()?;
        let deployment = Deployment {
            options,
            loaded,
            clients: Clients::new(loaded.region.clone()).await,
            request,
            reporter: RefCell::new(reporter(output)),
            output,
            limits: Limits {
                until: Instant::now() + options.timeout,
                task_failures: options.abort_on_task_failures,
            },
            purpose,
            phase: RefCell::new(Phase::Before),
            caller: RefCell::new(String::new()),
            updated: Cell::new(None),
        };
        deployment.run(&mut signals).await
    });
    // A question that nobody has answered must not keep the process.
    runtime.shutdown_background();
    done
}

pub(crate) fn reporter(output: Output) -> Box<dyn Reporter> {
    match output {
        Output::Json => Box::new(JsonLines(std::io::stdout())),
        Output::Text if is_able(std::io::stderr().is_terminal()) => {
            Box::new(Screen::new(Term::stderr()))
        }
        Output::Text => Box::new(Lines(std::io::stderr())),
    }
}

impl Deployment<'_> {
    async fn run(self, signals: &mut Signals) -> anyhow::Result<Exit> {
        let ended = tokio::select! {
            ended = self.deploy() => ended.map_err(|error| self.explained(error)),
            () = signals.next() => Err(match signals.unless_again(self.interrupted()).await {
                Some(error) => error,
                None => self.interrupted_again(),
            }.context(Ended(Exit::Interrupted))),
        };
        // A plan that was not carried out is removed, whyever it was not.
        if let Phase::Planned(name) = self.phase.replace(Phase::Before) {
            let removal = self.remove_plan(&name);
            if signals.unless_again(removal).await.is_none() {
                say(&format!(
                    "interrupted while tidying up: the change set {name} may be left"
                ))?;
            }
        }
        ended
    }

    /// Where this deployment comes from, for whoever looks at the stack later.
    pub(crate) fn origin(&self) -> Origin {
        let by = self.caller.borrow().clone();
        Origin::now(by, self.purpose.commit.clone(), self.purpose.rolls_back)
    }

    /// An error with what it leaves behind, once the stack has been changed: it is no "could not
    /// run" then.
    fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        if error.is::<Ended>() {
            return error;
        }
        let again = &self.purpose.again;
        match *self.phase.borrow() {
            Phase::Before | Phase::Planned(_) => error,
            Phase::Begun(_) | Phase::Running => error
                .context(format!("the deployment may continue on AWS; {again}"))
                .context(Ended(Exit::StillRunning)),
            Phase::Verifying => error
                .context(format!(
                    "it is deployed, but verification could not finish; {again}"
                ))
                .context(Ended(Exit::Failed)),
        }
    }

    /// Tells that a stage begins.
    pub(crate) fn stage(&self, text: impl Into<String>) {
        self.reporter.borrow_mut().tell(&Notice::Stage(text.into()));
    }

    async fn deploy(&self) -> anyhow::Result<Exit> {
        let caller = say_waiting(self.clients.caller()).await?;
        account(&self.loaded.options, &caller)?;
        self.caller.replace(caller);
        let (old, taken_up) = match self.ready().await? {
            Ok(ready) => ready,
            Err(exit) => return Ok(exit),
        };
        let (prepared, preflight) = say_waiting(async {
            tokio::join!(self.plan(old.as_ref()), self.look_ahead(old.as_ref()))
        })
        .await;
        let refusals = self.show_preflight(preflight.as_ref())?;
        let prepared = prepared?;
        self.show(&prepared)?;
        if prepared.plan.is_empty() {
            self.withdraw(&prepared).await;
            self.say_no_drift()?;
            self.phase.replace(Phase::Verifying);
            return self.verify(taken_up).await;
        }
        if refusals > 0 {
            return self.refused();
        }
        self.confirm().await?;
        let plan = &prepared.plan;
        if plan.changes_stack() {
            if let Some(exit) = self.apply(&prepared).await? {
                return Ok(exit);
            }
        } else {
            self.withdraw(&prepared).await;
        }
        self.phase.replace(Phase::Verifying);
        if let Some(exit) = self.settled().await? {
            return Ok(exit);
        }
        if plan.protects_later
            && let Some(exit) = self.protect_balancer().await?
        {
            return Ok(exit);
        }
        if let Some(on) = plan.protection {
            let protected = self.sure(async || self.clients.protect(&self.request.stack, on).await);
            let trouble = "the stack's termination protection could not be set";
            protected.await.context(trouble)?;
        }
        self.verify(true).await
    }

    /// Says what helps where drift was to be reverted, and CloudFormation sees none.
    fn say_no_drift(&self) -> anyhow::Result<()> {
        if !self.purpose.reverts_drift {
            return Ok(());
        }
        say(
            "CloudFormation sees no drift that it could revert; where `deployer check --live` does, \
             set what it names back by hand, or state the live value in the environment file",
        )
    }

    /// Asks AWS until there is an answer: what happens to a call must not hide what became of the
    /// stack.
    pub(crate) async fn sure<T>(
        &self,
        call: impl AsyncFnMut() -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        let mut reporter = &self.reporter;
        match patiently(self.limits.until, &mut reporter, call).await {
            Ok(answer) => Ok(answer),
            Err(Stopped::Lost(error)) => Err(error.into()),
            Err(Stopped::TimedOut) => anyhow::bail!("AWS does not answer within the time limit"),
        }
    }

    /// The watch has ended, and the deployment has not.
    pub(crate) fn stopped(&self, stopped: Stopped) -> anyhow::Error {
        let again = &self.purpose.again;
        let error = match stopped {
            Stopped::TimedOut => anyhow::anyhow!(
                "the deployment is not finished after {} and continues; {again}; --timeout allows \
                 more time",
                humantime::format_duration(self.options.timeout)
            ),
            Stopped::Lost(error) => {
                anyhow::Error::new(error).context(format!("the deployment continues; {again}"))
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
        if whole && !self.options.no_probe {
            well &= self.probe().await?;
        }
        if !well && self.is_overtaken().await? {
            return self.overtaken();
        }
        self.done(whole, well).await
    }
}
