//! A stack on this machine from its start to the signal that ends it.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::local::kept::Kept;
use crate::local::setup::Setup;
use crate::local::stack::{Error, Node, Notice, Options, Stack};
use crate::local::state::{self, Local};
use crate::local::{control, pages};
use crate::reading::{Flags, read};
use crate::report::Report;
use anyhow::Context as _;
use serde_json::json;
use tokio::sync::mpsc;

use crate::loaded_environment::Loaded;
use crate::terminal::{Ended, Exit, Output, line, print, say};
use crate::terminal::{Signals, runtime};

/// How to run a stack on this machine.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// The load balancer's port on this machine; 0 for any.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The port of the load balancer that backends have for themselves, where `api` is `internal`; 0
    /// for any.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    api_port: u16,
    /// The server binary; the one beside the deployer unless given.
    #[arg(long, value_name = "FILE")]
    server_bin: Option<PathBuf>,
    /// The URL of a Redis, where the template has one; one is started unless given.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

/// Runs a rendered template on this machine until a signal ends it.
///
/// # Errors
/// It cannot start, or ends by itself.
pub fn run(args: &Args, loaded: &Loaded, output: Output) -> anyhow::Result<Exit> {
    let setup = Setup::read(&loaded.rendered)?;
    say_violations(loaded)?;
    if loaded
        .rendered
        .of_type("AWS::WAFv2::WebACL")
        .next()
        .is_some()
    {
        say("the web ACL does not run on this machine; the server's own limits do")?;
    }
    for other in &setup.task.others {
        say(&format!(
            "the container `{other}` does not run on this machine"
        ))?;
    }
    let supervisor = std::env::current_exe().context("cannot find the deployer's own program")?;
    let server = args
        .server_bin
        .clone()
        .unwrap_or_else(|| supervisor.with_file_name("server"));
    let options = Options {
        server,
        supervisor,
        port: args.port,
        api_port: args.api_port,
        redis: args.redis.clone(),
        directory: state::directory(),
        kept: kept(loaded)?.map(Arc::new),
    };
    runtime()?.block_on(up(setup, options, &env(loaded), output))
}

/// How the console is told of the environment; empty for a template alone.
fn env(loaded: &Loaded) -> String {
    let path = loaded.path.as_ref().map(|path| path.display());
    path.map_or_else(String::new, |path| format!(" --env {path}"))
}

/// What the stacks of this environment keep; nothing for a template alone, or a user without a home.
fn kept(loaded: &Loaded) -> anyhow::Result<Option<Kept>> {
    let (Some(file), Some(home)) = (&loaded.path, std::env::home_dir()) else {
        return Ok(None);
    };
    let kept = Kept::open(&home, file).context("cannot keep the stack's keys")?;
    if kept.is_none() {
        say("another stack of this environment runs: this one has keys of its own")?;
    }
    Ok(kept)
}

/// Says which rules the template violates. It runs all the same: to see what comes of it is what a
/// local stack is for.
fn say_violations(loaded: &Loaded) -> anyhow::Result<()> {
    let report = Report::new(read(&loaded.rendered, &Flags::default())?, &loaded.ignores);
    if report.errors() > 0 {
        say(&report.text(std::io::stderr().is_terminal()))?;
        say("these violations would stop a deployment to AWS; the local stack runs anyway")?;
    }
    Ok(())
}

async fn up(setup: Setup, options: Options, env: &str, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::take()?;
    let (notices, received) = mpsc::channel(256);
    let announced = Arc::new(AtomicBool::new(false));
    let telling = tokio::spawn(tell(received, output, announced.clone()));
    let mut stack = tokio::select! {
        started = Stack::start(setup, options, notices) => started.map_err(failed)?,
        // Dropping what has started kills it.
        () = signals.next() => return Err(anyhow::anyhow!("nothing is left \
                                                           running").context(Ended(Exit::Interrupted))),
    };
    let local = stack.local();
    let directory = state::directory();
    state::open(&directory)?;
    let socket = state::socket(&directory, local.pid);
    let control = control::serve(&socket, stack.requests())
        .with_context(|| format!("cannot listen on {}", socket.display()))?;
    let announcement = state::announce(&directory, &local)?;
    ready(&stack, &local, env, output)?;
    announced.store(true, Ordering::Relaxed);
    let error = tokio::select! {
        error = stack.keep() => Some(error),
        () = signals.next() => None,
    };
    drop((announcement, control));
    // A terminal that is gone must not keep the nodes from draining.
    let _ = say("stopping: nodes drain; Ctrl-C again kills them");
    stack.stop(signals.next()).await;
    // Ends with the last sender, which went with the stack.
    let _ = telling.await;
    let _ = say("stopped, nothing is left running");
    error.map_or(Ok(Exit::Well), |error| Err(failed(error)))
}

fn failed(error: Error) -> anyhow::Error {
    if error.is_usage() {
        error.into()
    } else {
        anyhow::Error::new(error).context(Ended(Exit::NotDeployed))
    }
}

fn ready(stack: &Stack, local: &Local, env: &str, output: Output) -> anyhow::Result<()> {
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
        let nodes: Vec<_> = stack
            .nodes
            .iter()
            .map(|node| stack.describe(node))
            .collect();
        return print(&line(&json!({
            "type": "ready", "url": url, "api_url": local.api(), "backend_key": backend_key, "channel": channel, "plugin_key": plugin_key,
            "nodes": nodes,
        })));
    }
    let overlay = pages::overlay(local);
    let node = stack.nodes.first().map_or("node-1", Node::name);
    let backends = match &local.api_url {
        Some(api) => format!("\n  backends     {api}"),
        None => String::new(),
    };
    let namespace = namespaces.first().map_or("dropcodes", String::as_str);
    // As it was typed: `make up` does not put it on the PATH.
    let deployer = std::env::args()
        .next()
        .unwrap_or_else(|| "deployer".to_owned());
    print(&format!(
        "
Ready.
  URL          {url}{backends}
  backend key  {backend_key}
  channel      {channel}
  plugin key   {plugin_key}
  overlay      {overlay}

In other terminals:
  {deployer} listen --url {url}
  {deployer} send --url {url} --in 5s '{{\"code\": \"ABC-123\"}}'
  {deployer} probe {url} --path {path} --namespace {namespace} --key {plugin_key}
  {deployer} local --url {url} status
  {deployer} local --url {url} kill {node}
  {deployer} console{env} --url {url}

Ctrl-C stops it.

"
    ))
}

/// Tells what happens: people a line each on stderr, with the process's name in front; programs an
/// object each on stdout, once it is ready. What nodes write stays on stderr.
async fn tell(mut notices: mpsc::Receiver<Notice>, output: Output, announced: Arc<AtomicBool>) {
    while let Some(notice) = notices.recv().await {
        // A terminal that is gone changes nothing about what runs.
        let _ = match (output, notice.document()) {
            (Output::Json, Some(document)) if announced.load(Ordering::Relaxed) => {
                print(&line(&document))
            }
            _ => say(&notice.text()),
        };
    }
}
