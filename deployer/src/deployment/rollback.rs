//! `deployer rollback`: back to what ran before, planned, confirmed and watched as `up` does it. An
//! update that is in progress is cancelled instead, and a roll-back that failed is gone on with.

use std::cell::Cell;
use std::io::IsTerminal as _;

use crate::aws::{Clients, StackState};
use crate::stack_operation::{
    Goal, Limits, Operation, Request, Situation, Stopped, situation, watch,
};
use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::time::Instant;

use super::change_set::{check, is_rollback};
use super::restore::back;
use super::{Options, Purpose, carry_out, reporter};
use crate::history::{Origin, PreviousDeployment};
use crate::loaded_environment::Loaded;
use crate::named_stack::Named;
use crate::preflight::account_of_stack;
use crate::terminal::confirm;
use crate::terminal::say_waiting;
use crate::terminal::{Ended, Exit, Output, line, print, say};
use crate::terminal::{Signals, runtime};

/// How to go back.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    options: Options,
    /// Leave a resource as it is when a failed roll-back continues. Repeat it for several.
    #[arg(long, value_name = "LOGICAL_ID")]
    skip: Vec<String>,
    /// Where the last deployment failed and is undone already: go back beyond what runs.
    #[arg(long)]
    further: bool,
    /// After a roll-back: bring the release back that it took away.
    #[arg(long, conflicts_with_all = ["further", "skip"])]
    redo: bool,
}

/// What a roll-back has to do.
enum Way {
    /// Bring back what ran before.
    Back(Box<(Loaded, Request, Option<String>)>),
    /// CloudFormation brings it back: this is how it ended.
    ByCloudFormation(Exit),
}

/// Goes back to what ran before.
///
/// # Errors
/// There is nothing to go back to, it was declined or interrupted, or goes on unwatched.
pub fn run(args: &Args, named: &Named, output: Output) -> anyhow::Result<Exit> {
    let runtime = runtime()?;
    let found = runtime.block_on(async {
        let mut signals = Signals::take()?;
        let begun = Cell::new(false);
        tokio::select! {
            way = way(args, named, output, &begun) => way,
            () = signals.next() => {
                let left = if begun.get() {
                    format!("the operation continues on AWS; {}", shows(named))
                } else {
                    "nothing was changed".to_owned()
                };
                Err(anyhow::anyhow!(left).context(Ended(Exit::Interrupted)))
            }
        }
    });
    // A question that nobody has answered must not keep the process.
    runtime.shutdown_background();
    let (loaded, request, commit) = match found? {
        Way::Back(back) => *back,
        Way::ByCloudFormation(exit) => return Ok(exit),
    };
    say_violations(&loaded)?;
    let purpose = Purpose {
        done: "rolled back",
        again: shows(named),
        commit,
        recreate: false,
        // To bring a release back is to go forward: the way back from it is a roll-back again.
        rolls_back: !args.redo,
        reverts_drift: false,
        looks_ahead: false,
    };
    carry_out(&args.options, &loaded, request, purpose, output)
}

fn shows(named: &Named) -> String {
    format!("`deployer status {} --watch` shows it", named.flag())
}

/// Says which rules are violated by what ran before. It is brought back all the same: it ran.
fn say_violations(loaded: &Loaded) -> anyhow::Result<()> {
    let report = check(loaded)?;
    if report.errors() > 0 {
        say(&report.text(std::io::stderr().is_terminal()))?;
        say(
            "the earlier version violates these rules and is deployed anyway: a server that \
             checks them needs ALLOW_RULE_VIOLATIONS=true",
        )?;
    }
    Ok(())
}

async fn way(
    args: &Args,
    named: &Named,
    output: Output,
    begun: &Cell<bool>,
) -> anyhow::Result<Way> {
    let clients = Clients::new(named.region.clone()).await;
    account_of_stack(&clients, named).await?;
    let stack = say_waiting(clients.stack(&named.name))
        .await?
        .with_context(|| named.absent())?;
    let status = stack.status.as_str();
    let situation = situation(Some(&stack));
    if !args.skip.is_empty() && situation != Situation::Stuck {
        bail!(
            "nothing was changed: {} is {status}, so there is no failed roll-back that --skip \
             could continue without {}",
            stack.name,
            args.skip.join(", ")
        );
    }
    match situation {
        // The reflex after a red deployment must not take away what was good.
        Situation::Ready if status == "UPDATE_ROLLBACK_COMPLETE" && !args.further => {
            undone(&stack, output)
        }
        Situation::Ready => ready(&clients, args, named, &stack, output).await,
        Situation::Busy
            if status == "UPDATE_IN_PROGRESS" && goes_back(&clients, &stack).await? =>
        {
            begun.set(true);
            say(&format!(
                "a roll-back of {} is in progress: watching",
                stack.name
            ))?;
            let goal = Goal::Deployed;
            rolled_back(&clients, args, named, &stack, (None, goal), output).await
        }
        Situation::Busy if status == "UPDATE_IN_PROGRESS" => {
            let question = format!(
                "{} is being updated. Cancel the update, so that CloudFormation rolls back?",
                stack.name
            );
            confirm(args.options.yes, &question).await?;
            let newest = clients.newest_event(&stack.id).await?;
            begun.set(true);
            say_waiting(clients.cancel_update(&stack.id)).await?;
            say("the update is cancelled: CloudFormation rolls back")?;
            rolled_back(
                &clients,
                args,
                named,
                &stack,
                (newest, Goal::RolledBack),
                output,
            )
            .await
        }
        Situation::Busy if status.starts_with("UPDATE_ROLLBACK") => {
            begun.set(true);
            say(&format!("{} is {status}: watching", stack.name))?;
            rolled_back(
                &clients,
                args,
                named,
                &stack,
                (None, Goal::RolledBack),
                output,
            )
            .await
        }
        Situation::Stuck => {
            let skipped = if args.skip.is_empty() {
                String::new()
            } else {
                format!(", without {}", args.skip.join(", "))
            };
            confirm(
                args.options.yes,
                &format!(
                    "The roll-back of {} failed. Continue it{skipped}?",
                    stack.name
                ),
            )
            .await?;
            let newest = clients.newest_event(&stack.id).await?;
            begun.set(true);
            say_waiting(clients.continue_rollback(&stack.id, &args.skip)).await?;
            rolled_back(
                &clients,
                args,
                named,
                &stack,
                (newest, Goal::RolledBack),
                output,
            )
            .await
        }
        Situation::Busy => bail!(
            "{} is {status}; when that is finished, run rollback again: {}",
            stack.name,
            shows(named)
        ),
        Situation::Absent
        | Situation::Reviewed
        | Situation::NeverLived
        | Situation::HalfDeleted => {
            bail!(
                "{} is {status}: there is no earlier version to roll back to",
                stack.name
            )
        }
    }
}

/// Whether the update that is in progress is a roll-back, by whoever started.
async fn goes_back(clients: &Clients, stack: &StackState) -> anyhow::Result<bool> {
    let events = say_waiting(clients.events(&stack.id, None)).await?;
    Ok(events
        .first()
        .is_some_and(|event| is_rollback(&event.token)))
}

/// What to do with a stack at rest: a roll-back that ran already is not run again.
async fn ready(
    clients: &Clients,
    args: &Args,
    named: &Named,
    stack: &StackState,
    output: Output,
) -> anyhow::Result<Way> {
    let live = say_waiting(clients.template(&stack.id)).await?;
    let is_back = Origin::of(&live).is_some_and(|origin| origin.rolls_back);
    if is_back && args.further {
        bail!(
            "nothing was changed: {} is rolled back, and what ran before that is not kept; deploy \
             an earlier commit, or an earlier image with `deployer up {} --image …`",
            stack.name,
            named.flag()
        );
    }
    if args.redo && !is_back {
        bail!(
            "nothing was changed: what {} runs was not brought back by a roll-back, so there is \
             nothing to redo",
            stack.name
        );
    }
    if is_back && !args.redo {
        return back_already(stack, &live, output);
    }
    Ok(Way::Back(Box::new(back(named, stack, &live)?)))
}

/// A roll-back has brought back what ran before.
fn back_already(stack: &StackState, live: &str, output: Output) -> anyhow::Result<Way> {
    let undone = PreviousDeployment::of(live).map(|previous| previous.summary());
    let why = format!("{} is rolled back already, and runs", stack.name);
    let more = format!(
        "it left {}; `deployer rollback --redo` brings that back",
        undone.as_deref().unwrap_or("a release that is not kept")
    );
    nothing_to_do(stack, &why, &more, output)
}

/// What ran before the last deployment runs already.
fn undone(stack: &StackState, output: Output) -> anyhow::Result<Way> {
    let why = format!(
        "the last deployment of {} failed and is undone already; what ran before it, runs:",
        stack.name
    );
    let more = "to go back beyond that, deploy an earlier commit, or `deployer rollback --further`";
    nothing_to_do(stack, &why, more, output)
}

fn nothing_to_do(stack: &StackState, why: &str, more: &str, output: Output) -> anyhow::Result<Way> {
    let image = stack.parameters.get("Image");
    match output {
        Output::Json => print(&line(&json!({
            "type": "done", "stack": stack.name, "status": stack.status, "changed": false, "well": true,
            "url": stack.outputs.get("Url"), "image": image,
        })))?,
        Output::Text => print(&format!(
            "nothing to do: {why} {}\n{more}\n",
            image.map_or("without an image of its own", String::as_str),
        ))?,
    }
    Ok(Way::ByCloudFormation(Exit::Well))
}

/// Watches CloudFormation bring back what ran before.
async fn rolled_back(
    clients: &Clients,
    args: &Args,
    named: &Named,
    stack: &StackState,
    (after, goal): (Option<String>, Goal),
    output: Output,
) -> anyhow::Result<Way> {
    let operation = Operation {
        stack_id: stack.id.clone(),
        after,
        goal,
    };
    let limits = Limits {
        until: Instant::now() + args.options.timeout,
        task_failures: None,
    };
    let mut reporter = reporter(output);
    let outcome = watch(clients, &operation, &limits, reporter.as_mut()).await;
    drop(reporter);
    let outcome = outcome.map_err(|stopped| {
        let shows = shows(named);
        let error = match stopped {
            Stopped::TimedOut => {
                anyhow::anyhow!("the roll-back is not finished and continues; {shows}")
            }
            Stopped::Lost(error) => {
                anyhow::Error::new(error).context(format!("the roll-back continues; {shows}"))
            }
        };
        error.context(Ended(Exit::StillRunning))
    })?;
    if outcome.stack.status == "UPDATE_COMPLETE" && goal == Goal::RolledBack {
        let late = format!(
            "the update of {} finished before it could be cancelled; run rollback again to undo it",
            stack.name
        );
        return Err(anyhow::anyhow!(late).context(Ended(Exit::NotDeployed)));
    }
    match (output, outcome.reached) {
        (Output::Json, true) => print(&line(&json!({
            "type": "done", "stack": outcome.stack.name, "status": outcome.stack.status, "well": true,
            "url": outcome.stack.outputs.get("Url"), "image": outcome.stack.parameters.get("Image"), "skipped": args.skip,
        })))?,
        (Output::Json, false) => print(&line(&outcome.json()))?,
        (Output::Text, true) => print(&format!(
            "rolled back: {}{}\n",
            outcome.now(),
            skipped(&args.skip)
        ))?,
        (Output::Text, false) => say(outcome.text().trim_end())?,
    }
    Ok(Way::ByCloudFormation(if outcome.reached {
        Exit::Well
    } else {
        Exit::NotDeployed
    }))
}

/// What is not as it was before: CloudFormation passes it over, and takes it for brought back.
fn skipped(ids: &[String]) -> String {
    match ids {
        [] => String::new(),
        ids => format!(
            ", except for {}: skipped, they stay as the failed update left them",
            ids.join(", ")
        ),
    }
}
