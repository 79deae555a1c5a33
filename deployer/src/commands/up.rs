//! `deployer up`: for a local environment, the rendered template on this machine until Ctrl-C.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use deployer::balancer::{Event, Health};
use deployer::local::log::readable;
use deployer::local::shape::Shape;
use deployer::local::stack::{Error, Notice, Options, Stack};
use deployer::local::state::{self, Local};
use serde_json::json;
use tokio::sync::mpsc;

use super::environment;
use super::signal::{Signals, runtime};
use crate::cli::{Ended, Exit, Output, line, print, say};

/// Run the rendered template on this machine: server nodes behind a model of the load balancer, until Ctrl-C.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    environment: environment::Args,
    /// The load balancer's port on this machine; 0 for any.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The server binary; the one beside the deployer unless given.
    #[arg(long, value_name = "FILE")]
    server_bin: Option<PathBuf>,
    /// The URL of a Redis, where the template has one; one is started unless given.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let loaded = args.environment.load()?;
    if loaded.local != Some(true) {
        bail!("this environment's target is AWS; `deployer up` runs local ones: --env local");
    }
    let shape = Shape::read(&loaded.rendered)?;
    let leash = std::env::current_exe().context("cannot find the deployer's own program")?;
    let server = args
        .server_bin
        .clone()
        .unwrap_or_else(|| leash.with_file_name("server"));
    let options = Options {
        server,
        leash,
        port: args.port,
        redis: args.redis.clone(),
    };
    runtime()?.block_on(up(shape, options, output))
}

async fn up(shape: Shape, options: Options, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::take()?;
    let (notices, received) = mpsc::channel(256);
    let telling = tokio::spawn(tell(received));
    let mut stack = tokio::select! {
        started = Stack::start(shape, options, notices) => started.map_err(failed)?,
        // Dropping what has started kills it.
        () = signals.next() => return Err(anyhow::anyhow!("nothing is left running").context(Ended(Exit::Interrupted))),
    };
    let local = describe(&stack);
    let announcement = state::announce(&state::directory(), &local)?;
    ready(&stack, &local, output)?;
    let error = tokio::select! {
        error = stack.keep() => Some(error),
        () = signals.next() => None,
    };
    drop(announcement);
    say("stopping: nodes drain; Ctrl-C again kills them")?;
    stack.stop(signals.next()).await;
    // Ends with the last sender, which went with the stack.
    let _ = telling.await;
    say("stopped, nothing is left running")?;
    error.map_or(Ok(Exit::Well), |error| Err(failed(error)))
}

fn failed(error: Error) -> anyhow::Error {
    if error.is_usage() {
        error.into()
    } else {
        anyhow::Error::new(error).context(Ended(Exit::NotDeployed))
    }
}

fn describe(stack: &Stack) -> Local {
    Local {
        url: stack.url.clone(),
        backend_key: stack.backend_key.clone(),
        channel: stack.channel.clone(),
        plugin_key: stack.plugin_key.clone(),
        path: stack.socket_path(),
        namespaces: stack.namespaces(),
        pid: std::process::id(),
    }
}

fn ready(stack: &Stack, local: &Local, output: Output) -> anyhow::Result<()> {
    let Local {
        url,
        backend_key,
        channel,
        plugin_key,
        path,
        namespaces,
        ..
    } = local;
    if output == Output::Json {
        let node = |node: &deployer::local::stack::Node| json!({ "id": node.process.name, "address": node.address.to_string(), "pid": node.process.pid });
        let nodes: Vec<_> = stack.nodes.iter().map(node).collect();
        return print(&line(&json!({
            "type": "ready", "url": url, "backend_key": backend_key, "channel": channel, "plugin_key": plugin_key,
            "nodes": nodes,
        })));
    }
    let namespace = namespaces.first().map_or("dropcodes", String::as_str);
    print(&format!(
        "
Ready.
  URL          {url}
  backend key  {backend_key}
  channel      {channel}
  plugin key   {plugin_key}

In another terminal:
  deployer listen                                   # a plugin on the channel {channel}
  deployer send --in 5s '{{\"code\": \"ABC-123\"}}'       # a code, five seconds from now
  deployer probe {url} --path {path} --namespace {namespace} --key {plugin_key}

Ctrl-C stops it.

"
    ))
}

/// Tells people what happens, a line each, with the process's name in front.
async fn tell(mut notices: mpsc::Receiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        // A terminal that is gone changes nothing about what runs.
        let _ = say(&text(&notice));
    }
}

fn text(notice: &Notice) -> String {
    match notice {
        Notice::Line(line) => format!("{:<8} | {}", line.process, readable(&line.text)),
        Notice::Started { name, address, pid } => {
            by("stack", &format!("{name} listens on {address}, pid {pid}"))
        }
        Notice::Ended { name, status } => by(
            "stack",
            &format!("{name} ended with {status}; another takes its place"),
        ),
        Notice::Killed(name) => by(
            "stack",
            &format!("{name} did not stop in time and was killed"),
        ),
        Notice::Balancer(event, node) => by("balancer", &event_text(event, node.as_deref())),
    }
}

fn by(who: &str, what: &str) -> String {
    format!("{who:<8} | {what}")
}

fn event_text(event: &Event, node: Option<&str>) -> String {
    let node = node.unwrap_or("a node that is gone");
    match event {
        Event::Health { health, reason, .. } => {
            let health = match health {
                Health::Initial => "initial",
                Health::Healthy => "healthy",
                Health::Unhealthy => "unhealthy",
                Health::Draining => "draining",
            };
            if reason.is_empty() {
                format!("{node} is {health}")
            } else {
                format!("{node} is {health} ({reason})")
            }
        }
        Event::Failed {
            status,
            cause,
            target,
            path,
        } => {
            let at = if target.is_some() {
                format!(" from {node}")
            } else {
                String::new()
            };
            format!("{status} on {path}{at}: {cause}")
        }
        Event::Cut { cause, .. } => format!("cut a WebSocket to {node}: {cause}"),
    }
}
