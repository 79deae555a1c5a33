//! `deployer down`: removes a stack, after saying what goes with it, and never past its protection
//! unless told to.

use std::cell::Cell;
use std::io::IsTerminal as _;
use std::time::Duration;

use super::Teardown;
use crate::aws::{Clients, Error};
use crate::stack_operation::{Goal, Limits, Operation, Stopped, watch};
use anyhow::bail;
use serde_json::json;
use tokio::time::Instant;

use crate::deployment::{reporter, watching};
use crate::named_stack::Named;
use crate::preflight::account_of_stack;
use crate::terminal::ask;
use crate::terminal::say_waiting;
use crate::terminal::{Ended, Exit, Output, line, print, say};
use crate::terminal::{Signals, runtime};

/// How to remove a stack.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Switch the protection of the stack and of its load balancer off first.
    #[arg(long)]
    unprotect: bool,
    /// How long to watch. The removal goes on after that.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = watching)]
    timeout: Duration,
}

/// Removes a stack: shows what goes with it, asks, and watches.
///
/// # Errors
/// It is protected, was declined or interrupted, or goes on unwatched.
pub fn run(args: &Args, named: &Named, output: Output) -> anyhow::Result<Exit> {
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let mut signals = Signals::take()?;
        let clients = Clients::new(named.region.clone()).await;
        let teardown = tokio::select! {
            teardown = agreed(&clients, args, named, output) => teardown?,
            () = signals.next() => return Err(anyhow::anyhow!("nothing was \
                changed").context(Ended(Exit::Interrupted))),
        };
        let Some(teardown) = teardown else {
            return Ok(Exit::Well);
        };
        let begun = Cell::new(Begun::No);
        tokio::select! {
            removed = remove(&clients, args, named, &teardown, output, &begun) => removed,
            () = signals.next() => {
                let left = left(&clients, named, &teardown, begun.get());
                let left = signals.unless_again(left).await.unwrap_or_else(|| {
                    format!("it is not known whether AWS deletes the stack, and its protection may \
                             be off; {}", shows(named))
                });
                Err(anyhow::anyhow!(left).context(Ended(Exit::Interrupted)))
            }
        }
    });
    // A question that nobody has answered must not keep the process.
    runtime.shutdown_background();
    done
}

/// How far a removal has come, for whoever interrupts it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// AWS was not told yet.
    No,
    /// AWS was told, and has not answered.
    Told,
    /// AWS deletes the stack.
    Yes,
}

/// What an interruption leaves behind; protection is put back where nothing was begun.
async fn left(clients: &Clients, named: &Named, teardown: &Teardown, begun: Begun) -> String {
    let goes_on = format!("the removal continues on AWS; {}", again(named));
    match begun {
        Begun::Yes => goes_on,
        Begun::No => {
            restored(clients, teardown).await;
            "nothing was deleted".to_owned()
        }
        Begun::Told => match told(clients, teardown).await {
            Ok(true) => goes_on,
            Ok(false) => format!(
                "nothing was deleted so far; AWS did not answer, so {} in a minute again",
                shows(named)
            ),
            Err(error) => format!(
                "it is not known whether AWS deletes the stack, and its protection may be off: \
                 {error}; {}",
                shows(named)
            ),
        },
    }
}

fn shows(named: &Named) -> String {
    format!("look with `deployer status {}`", named.flag())
}

/// Whether a call to delete the stack, whose answer did not come, has begun it. Where it has not,
/// protection is put back first: a call that is late is refused by it.
async fn told(clients: &Clients, teardown: &Teardown) -> Result<bool, Error> {
    let stack = &teardown.stack.id;
    if is_going(clients, stack).await? {
        return Ok(true);
    }
    restored(clients, teardown).await;
    is_going(clients, stack).await
}

async fn is_going(clients: &Clients, stack: &str) -> Result<bool, Error> {
    let found = say_waiting(clients.stack(stack)).await?;
    Ok(found.is_none_or(|stack| stack.status.starts_with("DELETE_")))
}

fn again(named: &Named) -> String {
    format!("`deployer down {}` resumes it", named.flag())
}

/// What is to go, once somebody has agreed; none where there is nothing.
async fn agreed(
    clients: &Clients,
    args: &Args,
    named: &Named,
    output: Output,
) -> anyhow::Result<Option<Teardown>> {
    account_of_stack(clients, named).await?;
    let Some(stack) = say_waiting(clients.stack(&named.name)).await? else {
        say(&format!("{}: nothing to remove", named.is_absent()))?;
        if output == Output::Json {
            print(&line(
                &json!({ "type": "done", "stack": named.name, "status": null }),
            ))?;
        }
        return Ok(None);
    };
    // A creation can be given up; anything else that is under way cannot be deleted.
    let waits = stack.is_busy()
        && !["DELETE_IN_PROGRESS", "CREATE_IN_PROGRESS"].contains(&stack.status.as_str());
    if waits {
        bail!(
            "{} is {}, and CloudFormation cannot delete a stack during an operation; `deployer \
             status {} --watch` shows when it is done",
            stack.name,
            stack.status,
            named.flag()
        );
    }
    let teardown = say_waiting(Teardown::of(clients, stack)).await?;
    if teardown.stack.status == "DELETE_IN_PROGRESS" {
        say(&format!(
            "{} is already being deleted: watching",
            teardown.stack.name
        ))?;
        return Ok(Some(teardown));
    }
    match output {
        Output::Json => print(&line(&teardown.json()))?,
        Output::Text => print(&teardown.text())?,
    }
    if teardown.is_protected() && !args.unprotect {
        bail!(
            "nothing was changed: protected against deletion: {}; --unprotect switches that off, \
             and deletes",
            teardown.protections().join(", ")
        );
    }
    if !args.yes {
        confirm(&teardown.stack.name).await?;
    }
    Ok(Some(teardown))
}

async fn confirm(name: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("nothing was changed: there is no terminal to confirm on; --yes confirms beforehand");
    }
    let answer = ask(&format!("Type the stack's name, {name}, to delete it:")).await?;
    if answer != name {
        bail!("the names differ; nothing was changed");
    }
    Ok(())
}

async fn remove(
    clients: &Clients,
    args: &Args,
    named: &Named,
    teardown: &Teardown,
    output: Output,
    begun: &Cell<Begun>,
) -> anyhow::Result<Exit> {
    let stack = &teardown.stack;
    let mut after = None;
    if stack.status == "DELETE_IN_PROGRESS" {
        begun.set(Begun::Yes);
    } else {
        after = begin(clients, named, teardown, begun).await?;
    }
    let operation = Operation {
        stack_id: stack.id.clone(),
        after,
        goal: Goal::Deleted,
    };
    let limits = Limits {
        until: Instant::now() + args.timeout,
        task_failures: None,
    };
    let mut reporter = reporter(output);
    let outcome = watch(clients, &operation, &limits, reporter.as_mut()).await;
    drop(reporter);
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(stopped) => return Err(still_running(stopped, args, named)),
    };
    match (output, outcome.reached) {
        (Output::Json, _) => print(&line(&outcome.json()))?,
        (Output::Text, true) => print(&format!("{} is deleted\n", stack.name))?,
        (Output::Text, false) => say(outcome.text().trim_end())?,
    }
    Ok(if outcome.reached {
        Exit::Well
    } else {
        Exit::NotDeployed
    })
}

/// Switches protection off and has AWS delete the stack; the last event before that.
async fn begin(
    clients: &Clients,
    named: &Named,
    teardown: &Teardown,
    begun: &Cell<Begun>,
) -> anyhow::Result<Option<String>> {
    let stack = &teardown.stack.id;
    let ready = async {
        unprotect(clients, teardown, true).await?;
        anyhow::Ok(say_waiting(clients.newest_event(stack)).await?)
    };
    let after = match ready.await {
        Ok(after) => after,
        Err(error) => {
            restored(clients, teardown).await;
            return Err(error.context("nothing was deleted"));
        }
    };
    begun.set(Begun::Told);
    if let Err(error) = say_waiting(clients.delete_stack(stack)).await {
        // The answer may have been lost: what counts is what became of the stack.
        let is_going = match told(clients, teardown).await {
            Ok(is_going) => is_going,
            Err(unknown) => {
                let context = format!(
                    "it is not known whether AWS deletes the stack, and its protection may be off \
                     ({unknown}); {}",
                    shows(named)
                );
                let error = anyhow::Error::new(error).context(context);
                return Err(error.context(Ended(Exit::StillRunning)));
            }
        };
        if !is_going {
            begun.set(Begun::No);
            return Err(anyhow::Error::new(error).context("nothing was deleted"));
        }
    }
    begun.set(Begun::Yes);
    Ok(after)
}

/// Switches what protects the stack and its load balancers off, or on again.
async fn unprotect(clients: &Clients, teardown: &Teardown, off: bool) -> anyhow::Result<()> {
    let stack = &teardown.stack;
    let word = if off { "off" } else { "on again" };
    if stack.protected {
        say_waiting(clients.protect(&stack.id, !off)).await?;
        say(&format!(
            "switched the termination protection of {} {word}",
            stack.name
        ))?;
    }
    for balancer in &teardown.protected_balancers {
        say_waiting(clients.protect_balancer(balancer, !off)).await?;
        say(&format!(
            "switched the deletion protection of {balancer} {word}"
        ))?;
    }
    Ok(())
}

/// Switches protection on again, where nothing was deleted after all.
async fn restored(clients: &Clients, teardown: &Teardown) {
    if let Err(error) = unprotect(clients, teardown, false).await {
        // What went wrong first is told after this.
        let _ = say(&format!(
            "the stack's protection could not be restored: {error:#}"
        ));
    }
}

fn still_running(stopped: Stopped, args: &Args, named: &Named) -> anyhow::Error {
    let again = again(named);
    let error = match stopped {
        Stopped::TimedOut => anyhow::anyhow!(
            "the removal is not finished after {} and continues; {again}; --timeout allows more \
             time",
            humantime::format_duration(args.timeout)
        ),
        Stopped::Lost(error) => {
            anyhow::Error::new(error).context(format!("the removal continues; {again}"))
        }
    };
    error.context(Ended(Exit::StillRunning))
}
