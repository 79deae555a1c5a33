//! `deployer down`: removes a stack, after saying what goes with it, and never past its protection unless told to.

use std::cell::Cell;
use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::bail;
use deployer::aws::Clients;
use deployer::deploy::{Goal, Limits, Operation, Stopped, watch};
use deployer::removal::Removal;
use serde_json::json;
use tokio::time::Instant;

use super::aloud::aloud;
use super::ask::ask;
use super::deploy::{reporter, watching};
use super::signal::{Signals, runtime};
use super::stack;
use crate::cli::{Ended, Exit, Output, line, print, say};

/// Remove the stack, and everything that it holds, from AWS.
///
/// Shows what goes and asks for the stack's name, unless --yes. A protected stack is left alone unless --unprotect.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: stack::Args,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Switch the protection of the stack and of its load balancer off first.
    #[arg(long)]
    unprotect: bool,
    /// How long to watch; the removal goes on after that.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = watching)]
    timeout: Duration,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let named = args.stack.named()?;
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let mut signals = Signals::take()?;
        let clients = Clients::new(named.region.clone()).await;
        let removal = tokio::select! {
            removal = agreed(&clients, args, &named, output) => removal?,
            () = signals.next() => return Err(anyhow::anyhow!("nothing was changed").context(Ended(Exit::Interrupted))),
        };
        let Some(removal) = removal else {
            return Ok(Exit::Well);
        };
        let begun = Cell::new(false);
        tokio::select! {
            removed = remove(&clients, args, &named, &removal, output, &begun) => removed,
            () = signals.next() => {
                let left = if begun.get() {
                    format!("the removal goes on at AWS; {}", again(&named))
                } else {
                    restored(&clients, &removal).await;
                    "nothing was deleted".to_owned()
                };
                Err(anyhow::anyhow!(left).context(Ended(Exit::Interrupted)))
            }
        }
    });
    // A question that nobody has answered must not keep the process.
    runtime.shutdown_background();
    done
}

fn again(named: &stack::Named) -> String {
    format!("`deployer down {}` takes it up again", named.flag())
}

/// What is to go, once somebody has agreed; none where there is nothing.
async fn agreed(
    clients: &Clients,
    args: &Args,
    named: &stack::Named,
    output: Output,
) -> anyhow::Result<Option<Removal>> {
    let Some(stack) = aloud(clients.stack(&named.name)).await? else {
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
            "{} is {}, and CloudFormation deletes nothing that it works on; `deployer status {} --watch` shows when it is done",
            stack.name,
            stack.status,
            named.flag()
        );
    }
    let removal = aloud(Removal::of(clients, stack)).await?;
    if removal.stack.status == "DELETE_IN_PROGRESS" {
        say(&format!(
            "{} is being deleted already: watching",
            removal.stack.name
        ))?;
        return Ok(Some(removal));
    }
    match output {
        Output::Json => print(&line(&removal.json()))?,
        Output::Text => print(&removal.text())?,
    }
    if removal.is_protected() && !args.unprotect {
        bail!(
            "nothing was changed: protected against deletion: {}; --unprotect switches that off, and deletes",
            removal.protections().join(", ")
        );
    }
    if !args.yes {
        confirm(&removal.stack.name).await?;
    }
    Ok(Some(removal))
}

async fn confirm(name: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("nothing was changed: nobody is there to confirm; --yes confirms it beforehand");
    }
    let answer = ask(&format!("Type the stack's name, {name}, to delete it:")).await?;
    if answer != name {
        bail!("that is not its name; nothing was changed");
    }
    Ok(())
}

async fn remove(
    clients: &Clients,
    args: &Args,
    named: &stack::Named,
    removal: &Removal,
    output: Output,
    begun: &Cell<bool>,
) -> anyhow::Result<Exit> {
    let stack = &removal.stack;
    let mut after = None;
    if stack.status == "DELETE_IN_PROGRESS" {
        begun.set(true);
    } else {
        unprotect(clients, removal, true).await?;
        after = aloud(clients.newest_event(&stack.id)).await?;
        begun.set(true);
        if let Err(error) = aloud(clients.delete_stack(&stack.id)).await {
            begun.set(false);
            restored(clients, removal).await;
            return Err(anyhow::Error::new(error).context("nothing was deleted"));
        }
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

/// Switches what protects the stack and its load balancers off, or on again.
async fn unprotect(clients: &Clients, removal: &Removal, off: bool) -> anyhow::Result<()> {
    let stack = &removal.stack;
    let word = if off { "off" } else { "on again" };
    if stack.protected {
        aloud(clients.protect(&stack.id, !off)).await?;
        say(&format!(
            "switched the termination protection of {} {word}",
            stack.name
        ))?;
    }
    for balancer in &removal.protected_balancers {
        aloud(clients.protect_balancer(balancer, !off)).await?;
        say(&format!(
            "switched the deletion protection of {balancer} {word}"
        ))?;
    }
    Ok(())
}

/// Switches protection on again, where nothing was deleted after all.
async fn restored(clients: &Clients, removal: &Removal) {
    if let Err(error) = unprotect(clients, removal, false).await {
        // What went wrong first is told after this.
        let _ = say(&format!(
            "the stack is no longer protected as it was, and that could not be put right: {error:#}"
        ));
    }
}

fn still_running(stopped: Stopped, args: &Args, named: &stack::Named) -> anyhow::Error {
    let again = again(named);
    let error = match stopped {
        Stopped::TimedOut => anyhow::anyhow!(
            "the removal is not done after {}, and goes on; {again}, --timeout gives it longer",
            humantime::format_duration(args.timeout)
        ),
        Stopped::Lost(error) => {
            anyhow::Error::new(error).context(format!("the removal goes on; {again}"))
        }
    };
    error.context(Ended(Exit::StillRunning))
}
