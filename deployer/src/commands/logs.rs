//! `deployer logs`: what the server's tasks wrote, from a moment on, and what they write now.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use deployer::aws::Clients;
use deployer::logs::{Log, LogLine, Shown, Tail, millis, read_new, task_of};

use super::stack;
use deployer::named_stack::Named;
use deployer::terminal::say_waiting;
use deployer::terminal::{Exit, Output, line, print_unless_closed, say};
use deployer::terminal::{Signals, runtime};

/// How often a log that is followed is looked at. CloudWatch allows five looks a second in an
/// account and region.
const PAUSE: Duration = Duration::from_secs(2);
/// How long it may not be readable before that is an error.
const PATIENCE: Duration = Duration::from_secs(300);

/// Show what the server's tasks logged, oldest first.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: stack::Args,
    /// Go on with what they log from now on, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
    /// From when: `10m`, `2h`, or a moment such as 2026-05-01T18:00:00Z.
    #[arg(long, value_name = "WHEN", default_value = "10m", value_parser = moment)]
    since: SystemTime,
    /// Of one node alone: its id in `x-node-id`, or its task's id or the beginning of it.
    #[arg(long, value_name = "ID")]
    node: Option<String>,
}

/// A moment, or how long ago it was.
fn moment(text: &str) -> Result<SystemTime, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return SystemTime::now()
            .checked_sub(ago)
            .ok_or_else(|| "that time is before 1970".to_owned());
    }
    humantime::parse_rfc3339_weak(text).map_err(|_| {
        "expected how long ago, `10m` for instance, or a moment such as 2026-05-01T18:00:00Z"
            .to_owned()
    })
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let named = args.stack.named()?;
    runtime()?.block_on(async {
        let mut signals = Signals::take()?;
        tokio::select! {
            outcome = show(args, &named, output) => outcome,
            () = signals.next() => Ok(Exit::Interrupted),
        }
    })
}

async fn show(args: &Args, named: &Named, output: Output) -> anyhow::Result<Exit> {
    let clients = Clients::new(named.region.clone()).await;
    let log = say_waiting(find(&clients, named, args.node.as_deref())).await?;
    let mut tail = Tail::new(millis(args.since));
    let mut readable = SystemTime::now();
    loop {
        let read = read_new(&clients, &log, &mut tail, |new| {
            print_unless_closed(&shown(new, output))
        });
        match read.await {
            Ok(true) => readable = SystemTime::now(),
            Ok(false) => return Ok(Exit::Well), // nobody reads on
            Err(error)
                if args.follow
                    && passes(&error)
                    && readable.elapsed().is_ok_and(|time| time < PATIENCE) =>
            {
                say(&format!("{error:#}; trying on"))?;
            }
            Err(error) => return Err(error),
        }
        if !args.follow {
            return Ok(Exit::Well);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the same read_new may do better in a moment.
fn passes(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<deployer::aws::Error>()
        .is_some_and(|error| error.kind().passes())
}

/// The stack's log group, or one node's part of it.
async fn find(clients: &Clients, named: &Named, node: Option<&str>) -> anyhow::Result<Log> {
    // By name, the resources of a stack that was deleted would be found too.
    let stack = clients
        .stack(&named.name)
        .await?
        .with_context(|| named.absent())?;
    let resources = clients.resources(&stack.id).await?;
    let mut groups = resources
        .iter()
        .filter(|resource| resource.kind == "AWS::Logs::LogGroup");
    let group = groups
        .next()
        .with_context(|| format!("the stack `{}` has no log group", stack.name))?;
    let group = group.physical_id.clone();
    let streams = match node {
        Some(node) => vec![stream_of(clients, &group, node).await?],
        None => Vec::new(),
    };
    Ok(Log { group, streams })
}

fn shown(new: &LogLine, output: Output) -> String {
    match output {
        Output::Text => Shown(new).text() + "\n",
        Output::Json => line(&Shown(new).json()),
    }
}

/// The stream of the task that this is the id of, or of the node that names itself so.
async fn stream_of(clients: &Clients, group: &str, node: &str) -> anyhow::Result<String> {
    let streams = clients.log_streams(group).await?;
    if let Some(found) = streams
        .iter()
        .find(|stream| task_of(stream).starts_with(node))
    {
        return Ok(found.clone());
    }
    let mut known = Vec::new();
    for stream in streams {
        let name = clients.node_of_stream(group, &stream).await?;
        if name.as_deref() == Some(node) {
            return Ok(stream);
        }
        let name = name.map_or_else(String::new, |name| format!("{name}, "));
        known.push(format!("{name}task {}", task_of(&stream)));
    }
    if known.is_empty() {
        bail!("no node `{node}`: nothing has been logged yet");
    }
    known.truncate(10);
    bail!(
        "no node `{node}` has logged; those that did last:\n  {}",
        known.join("\n  ")
    );
}
