//! `deployer plan`: what `up` would change on AWS; it changes nothing.

use std::io::IsTerminal as _;

use anyhow::bail;
use deployer::aws::Clients;
use deployer::deploy::{Situation, situation};

use super::environment;
use deployer::deployment::change_set::{
    Origin, Step, change_set_name, check, discard, prepare, request,
};
use deployer::deployment::commit::commit;
use deployer::terminal::say_waiting;
use deployer::terminal::{Ended, Exit, Output, line, print, say};
use deployer::terminal::{Signals, runtime};

/// Show what `up` would change on AWS: what is added, changed, removed and, loudly, what is
/// replaced. Changes nothing.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    environment: environment::Args,
    /// Exit with 4 when there are changes.
    #[arg(long)]
    exit_code: bool,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let loaded = args.environment.load()?;
    let request = request(&loaded)?;
    let report = check(&loaded)?;
    args.environment.say_chosen(&loaded)?;
    if report.errors() > 0 {
        say(&report.text(std::io::stderr().is_terminal()))?;
    }
    runtime()?.block_on(async {
        let clients = Clients::new(loaded.region.clone()).await;
        let name = change_set_name()?;
        let mut signals = Signals::take()?;
        let planned = tokio::select! {
            planned = say_waiting(plan(&clients, &request, &name)) => planned,
            () = signals.next() => Err(anyhow::anyhow!("nothing was \
                                                        changed").context(Ended(Exit::Interrupted))),
        };
        // Whatever came of it: what was made to find out is removed.
        let removed = say_waiting(discard(&clients, &request.stack, &name)).await;
        let plan = planned?;
        removed?;
        print(&match output {
            Output::Json => line(&plan.json()),
            Output::Text => plan.text(std::io::stdout().is_terminal()),
        })?;
        say_refusal(report.errors())?;
        Ok(if args.exit_code && !plan.is_empty() {
            Exit::Changes
        } else {
            Exit::Well
        })
    })
}

/// Says, last of all, that `up` would not go this way: the exit code is about the plan alone.
fn say_refusal(violated: usize) -> anyhow::Result<()> {
    match violated {
        0 => Ok(()),
        1 => say("`deployer up` would refuse: 1 rule is violated"),
        _ => say(&format!(
            "`deployer up` would refuse: {violated} rules are violated"
        )),
    }
}

async fn plan(
    clients: &Clients,
    request: &deployer::deploy::Request,
    name: &str,
) -> anyhow::Result<deployer::deploy::Plan> {
    let origin = Origin {
        caller: clients.caller().await?,
        commit: commit(),
    };
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
    Ok(
        prepare(clients, request, old.as_ref(), name, &origin, Step::On)
            .await?
            .plan,
    )
}
