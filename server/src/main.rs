//! The life of a server process: settings, log, store, node, signal, drain.

mod health;
mod logging;
mod telemetry;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use axum::http::Uri;
use server::delivery::Tuning;
use server::log_queue::LogQueue;
use server::node::{Node, open_store};
use server::settings::{ProcessEnvironment, Settings};
use server::task_metadata;
use server::tasks::{Ended, Tasks};
use telemetry::Telemetry;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Its own threads give freed memory back to the system, also while nothing happens.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// It could not start: settings, file limit, addresses or the store.
const CANNOT_RUN: u8 = 2;
/// The drain was not complete, or a task has ended that the process lives by.
const FAILED: u8 = 1;
/// `--health` found no server that serves.
const UNHEALTHY: u8 = 1;
/// How long the last lines of the log may take.
const LAST_LINES: Duration = Duration::from_millis(500);
/// A signal ended it at once: the first before it was ready, or the second.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    if let Some(argument) = std::env::args().nth(1) {
        return without_serving(&argument);
    }
    let settings = match Settings::read(&ProcessEnvironment) {
        Ok(settings) => settings,
        Err(mistakes) => return refuse(&mistakes),
    };
    let log = match logging::start(&settings) {
        Ok(log) => log,
        Err(error) => return refuse(&format!("cannot start the log: {error}")),
    };
    if let Err(violations) = server::rules::check(&settings) {
        return refuse(&violations);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("cannot start the runtime: {error}")),
    };
    let code = runtime.block_on(live(settings, &log));
    // What still hangs in a thread must not keep the process.
    runtime.shutdown_background();
    log.flush(LAST_LINES);
    code
}

async fn live(settings: Settings, log: &LogQueue) -> ExitCode {
    let (drain, metadata) = (settings.drain, settings.task_metadata.clone());
    // Before the start: whoever reads that the node is ready may send a signal at once.
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return refuse(&format!("cannot listen for signals: {error}")),
    };
    let started = tokio::select! {
        started = start(settings) => started,
        _ = signals.next() => return ExitCode::from(INTERRUPTED),
    };
    let node = match started {
        Ok(node) => node,
        Err(error) => return refuse(&format!("{error:#}")),
    };
    log.count_in(node.handler().context.metrics.log_lines_dropped.clone());
    let telemetry = match Telemetry::start(&node, log) {
        Ok(telemetry) => telemetry,
        Err(error) => return refuse(&format!("OTLP_ENDPOINT: {error:#}")),
    };
    let signal = tokio::select! {
        signal = asked_to_leave(&node, &mut signals, metadata.as_ref()) => signal,
        ended = node.ended() => return give_up(&ended),
    };
    tracing::info!(signal, "asked to leave");
    let ended = node.ended();
    end_after(drain, log.clone());
    let code = tokio::select! {
        drained = node.drain() => match drained {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the drain was not complete");
                ExitCode::from(FAILED)
            }
        },
        ended = ended => give_up(&ended),
        name = signals.next() => {
            tracing::warn!(signal = name, "second signal: exiting at once");
            ExitCode::from(INTERRUPTED)
        }
    };
    telemetry.tell_last(log).await;
    code
}

/// Says why the process ends by itself. Its clients come back to other nodes, or to the process
/// that replaces it.
fn give_up(ended: &Ended) -> ExitCode {
    tracing::error!(
        task = ended.task,
        reason = ended.reason,
        "an essential task has ended: exiting",
    );
    ExitCode::from(FAILED)
}

/// Waits for the signal to leave. A task that learns earlier that it is to stop moves its clients
/// meanwhile.
async fn asked_to_leave(
    node: &Node,
    signals: &mut Signals,
    metadata: Option<&Uri>,
) -> &'static str {
    let early = async {
        task_metadata::told_to_stop(metadata).await;
        tracing::info!("ECS stops this task: moving its clients before SIGTERM");
        node.move_clients().await;
        std::future::pending().await
    };
    tokio::select! {
        signal = signals.next() => signal,
        never = early => never,
    }
}

async fn start(settings: Settings) -> anyhow::Result<Node> {
    let tasks = Tasks::new();
    // Before the node is ready: SIGHUP ends a process that does not listen for it.
    let reload = server::reload::watch(settings.s2s_keys.clone())?;
    let token_keys = settings.token_keys.clone();
    let reload_token_keys = token_keys.map(server::tokens::watch).transpose()?;
    let store = open_store(&settings, &tasks).await?;
    let node = Node::start(settings, store, &tasks, Tuning::default()).await?;
    tasks.spawn("reload", reload);
    if let Some(reload) = reload_token_keys {
        tasks.spawn("reload_token_keys", reload);
    }
    Ok(node)
}

/// Ends the process after `drain`, whatever hangs: the runtime itself may.
fn end_after(drain: Duration, log: LogQueue) {
    std::thread::spawn(move || {
        let (_sender, never) = mpsc::channel::<()>();
        let _ = never.recv_timeout(drain);
        tracing::error!("DRAIN is over and the process still ran: ending it");
        log.flush(LAST_LINES);
        std::process::exit(i32::from(FAILED));
    });
}

/// Answers a command line: there is nothing to say on it but questions.
fn without_serving(argument: &str) -> ExitCode {
    let version = concat!("server ", env!("CARGO_PKG_VERSION"));
    let answer = match argument {
        "--version" | "-V" => version.to_owned(),
        "--help" | "-h" => format!(
            "{version}: a Socket.IO service that delivers each message at its moment.\n\
             It takes its settings from environment variables, which the documentation lists; S2S_KEYS is required.\n\
             --health asks the server with the same settings on this machine whether it serves."
        ),
        "--health" => match healthy() {
            Ok(answer) => answer,
            Err(why) => {
                refuse(&why);
                return ExitCode::from(UNHEALTHY);
            }
        },
        other => {
            return refuse(&format!(
                "`{other}`: settings are environment variables; see --help"
            ));
        }
    };
    // Nothing can be done about a closed stdout.
    let _ = writeln!(std::io::stdout(), "{answer}");
    ExitCode::SUCCESS
}

fn healthy() -> Result<String, String> {
    let settings = Settings::read(&ProcessEnvironment).map_err(|mistakes| mistakes.to_string())?;
    health::ask(settings.bind).map_err(|error| error.to_string())
}

fn refuse(why: &dyn std::fmt::Display) -> ExitCode {
    // Nothing can be done about a closed stderr.
    let _ = writeln!(std::io::stderr(), "server: {why}");
    ExitCode::from(CANNOT_RUN)
}

/// The signals that ask the process to leave.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
