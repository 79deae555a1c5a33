//! `deployer plan`: what `up` would change on AWS; it changes nothing.

use std::cell::Cell;
use std::io::IsTerminal as _;

use anyhow::bail;
use deployer::aws::Clients;
use deployer::stack_operation::{Situation, situation};

use super::environment;
use deployer::deployment::change_set::{
    How, Step, change_set_name, check, discard, prepare, request,
};
use deployer::deployment::commit::commit;
use deployer::deployment::role;
use deployer::history::Origin;
use deployer::loaded_environment::Loaded;
use deployer::preflight::{Preflight, account, look};
use deployer::terminal::say_waiting;
use deployer::terminal::{Ended, Exit, Output, line, print, say};
use deployer::terminal::{Signals, runtime};

/// Show what `up` would change on AWS: what is added, changed, removed and, loudly, what is
/// replaced. Changes nothing.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    environment: environment::Args,
    /// Show what `up --revert-drift` would bring back of what was changed outside of CloudFormation.
    #[arg(long)]
    revert_drift: bool,
    /// The role with which CloudFormation works, instead of the environment file's `role_arn`.
    #[arg(long, value_name = "ARN", value_parser = role)]
    role_arn: Option<String>,
    /// Exit with 4 when there are changes.
    #[arg(long)]
    exit_code: bool,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let loaded = args.environment.load()?;
    let mut request = request(&loaded)?;
    if let Some(role) = &args.role_arn {
        request.options.role = Some(role.clone());
    }
    let report = check(&loaded)?;
    args.environment.say_chosen(&loaded)?;
    if report.errors() > 0 {
        say(&report.text(std::io::stderr().is_terminal()))?;
    }
    runtime()?.block_on(async {
        let clients = Clients::new(loaded.region.clone()).await;
        let name = change_set_name(false)?;
        let how = (&*name, args.revert_drift);
        let mut signals = Signals::take()?;
        let asked = Cell::new(false);
        let planned = tokio::select! {
            planned = say_waiting(plan(&clients, &loaded, &request, how, &asked, output)) => planned,
            () = signals.next() => Err(anyhow::anyhow!("nothing was \
                                                        changed").context(Ended(Exit::Interrupted))),
        };
        // Whatever came of it: what was made to find out is removed.
        if asked.get() {
            tidy_up(&clients, &request.stack, &name, &mut signals).await?;
        }
        let (plan, preflight) = planned?;
        match output {
            Output::Json => {
                let mut document = plan.json();
                document["preflight"] = preflight.json();
                print(&line(&document))?;
            }
            Output::Text => {
                print(&plan.text(std::io::stdout().is_terminal()))?;
                say(&preflight.text(std::io::stderr().is_terminal()))?;
            }
        }
        say_refusal(report.errors(), preflight.errors())?;
        Ok(if args.exit_code && !plan.is_empty() {
            Exit::Changes
        } else {
            Exit::Well
        })
    })
}

/// Removes the change set, and says so where it may be left.
async fn tidy_up(
    clients: &Clients,
    stack: &str,
    name: &str,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let removal = say_waiting(discard(clients, stack, name));
    let left = format!("the change set {name} may be left behind, and changes nothing");
    match signals.unless_again(removal).await {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => say(&format!("{left}: {error:#}")),
        None => say(&format!("interrupted while tidying up: {left}")),
    }
}

/// Says, last of all, that `up` would not go this way: the exit code is about the plan alone.
fn say_refusal(violated: usize, found: usize) -> anyhow::Result<()> {
    let rules = match violated {
        0 => None,
        1 => Some("1 rule is violated".to_owned()),
        _ => Some(format!("{violated} rules are violated")),
    };
    let preflight = match found {
        0 => None,
        1 => Some("the preflight found 1 error".to_owned()),
        _ => Some(format!("the preflight found {found} errors")),
    };
    let reasons: Vec<_> = [rules, preflight].into_iter().flatten().collect();
    if reasons.is_empty() {
        return Ok(());
    }
    say(&format!(
        "`deployer up` would refuse: {}",
        reasons.join(", and ")
    ))
}

/// Plans; `asked` is set once AWS is asked for a change set, which is to be removed then.
async fn plan(
    clients: &Clients,
    loaded: &Loaded,
    request: &deployer::stack_operation::Request,
    (name, reverts_drift): (&str, bool),
    asked: &Cell<bool>,
    output: Output,
) -> anyhow::Result<(deployer::stack_operation::Plan, Preflight)> {
    let caller = clients.caller().await?;
    account(&loaded.options, &caller)?;
    let origin = Origin::now(caller.clone(), commit(loaded), false);
    let stack = clients.stack(&request.stack).await?;
    let situation = situation(stack.as_ref());
    if let (Situation::Busy, Some(stack)) = (situation, &stack) {
        bail!(
            "{} is {}: a plan would be out of date at once; `deployer up` takes up what is \
             running, or plan again when it is done",
            stack.name,
            stack.status
        );
    }
    if let Some(text) = stack
        .as_ref()
        .and_then(|stack| situation.way_out(stack, &[]))
    {
        bail!(text);
    }
    let old = stack.filter(|_| situation == Situation::Ready);
    let how = How {
        step: Step::On,
        reverts_drift,
    };
    asked.set(true);
    let (prepared, preflight) = tokio::join!(
        prepare(clients, request, old.as_ref(), name, &origin, how),
        look(clients, loaded, &caller, old.as_ref()),
    );
    match prepared {
        Ok(prepared) => Ok((prepared.plan, preflight)),
        // What was found may be why.
        Err(error) => {
            match output {
                Output::Json => print(&line(&preflight.json()))?,
                Output::Text => say(&preflight.text(std::io::stderr().is_terminal()))?,
            }
            Err(error)
        }
    }
}
