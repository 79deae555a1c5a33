//! What a console costs a node that is full and busy: the real one, with a page that listens, and
//! the same seconds without it, in turns.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::plot::Plot;
use super::print;
use super::sample::cpu;
use crate::process::{beside, child_command};
use crate::publisher::{Load, lock};
use crate::redis::Redis;
use crate::stage::{Cast, Stage, Transports};

/// Connections to the node; the balancer holds two files for each.
const CONNECTIONS: usize = 9_000;
/// Messages a second, each to one client.
const RATE: f64 = 1_000.0;
/// How long each figure is taken for, and how often.
const WHILE: Duration = Duration::from_secs(10);
const TURNS: usize = 8;
/// Until the load is steady.
const WARM: Duration = Duration::from_secs(10);

pub(super) async fn run(svg: Option<&Path>) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    let redis = Redis::start(directory.path().join("redis")).await?;
    let cast = Cast {
        nodes: 1,
        clients: CONNECTIONS,
        channels: CONNECTIONS,
        transports: Transports::WebSocket,
        flaky: false,
        breaking: false,
        silent: false,
        server: None,
    };
    let mut stage = Stage::set(cast, &redis.url(), directory.path()).await?;
    let console = Console::start(&stage, directory.path()).await?;
    sleep(WARM).await;
    print(&format!(
        "what a console costs one node with {CONNECTIONS} connections, in % of a core:"
    ))?;
    report("no messages", &compare(&stage, &console).await?)?;
    stage.publish(Load {
        rate: RATE,
        channels: 0..CONNECTIONS,
        ahead: Duration::from_secs(1),
        everyone: 0,
        brief: 0,
        poison: 0,
    });
    sleep(WARM).await;
    let (before, start) = (lock(&stage.tracker).counts().1, Instant::now());
    let turns = compare(&stage, &console).await?;
    let delivered = (lock(&stage.tracker).counts().1 - before) as f64;
    let rate = delivered / start.elapsed().as_secs_f64();
    report(&format!("{rate:.0} messages/s"), &turns)?;
    svg.map_or(Ok(()), |file| draw(&turns, rate, file))
}

fn draw(turns: &[Turn], rate: f64, file: &Path) -> anyhow::Result<()> {
    let line = |of: &dyn Fn(&Turn) -> f64| {
        let turns = turns.iter().enumerate();
        turns
            .map(|(number, turn)| (number as f64 + 1.0, of(turn)))
            .collect::<Vec<_>>()
    };
    let title = format!("a node with {CONNECTIONS} connections and {rate:.0} messages/s");
    Plot {
        title: &title,
        axes: ("turn", "% of a core"),
        lines: &[
            ("without a console", line(&|turn| turn.0)),
            ("with one", line(&|turn| turn.1)),
        ],
    }
    .draw(file)
}

/// The node's load without a console, and with one.
type Turn = (f64, f64);

fn report(what: &str, turns: &[Turn]) -> anyhow::Result<()> {
    let mean = |of: &dyn Fn(&Turn) -> f64| turns.iter().map(of).sum::<f64>() / turns.len() as f64;
    let cost = mean(&|(without, with)| with - without);
    let spread = mean(&|(without, with)| (with - without - cost).powi(2)).sqrt();
    let error = spread / (turns.len() as f64 - 1.0).sqrt();
    print(&format!(
        "  {what}: {:.2} without, {:.2} with: {cost:.2} ± {error:.2}",
        mean(&|turn| turn.0),
        mean(&|turn| turn.1),
    ))
}

/// Both, in turns: what else the machine does falls on both alike.
async fn compare(stage: &Stage, console: &Console) -> anyhow::Result<Vec<Turn>> {
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        let without = load(stage).await?;
        let page = console.open().await?;
        let with = load(stage).await?;
        ensure!(!page.is_finished(), "the console has ended its events");
        drop(page);
        turns.push((without, with));
    }
    Ok(turns)
}

/// What the node uses for a while, in % of a core.
async fn load(stage: &Stage) -> anyhow::Result<f64> {
    let nodes = stage.stack.nodes();
    let node = nodes.values().next().context("the node is gone")?;
    // What the last turn began ends first.
    sleep(Duration::from_secs(1)).await;
    let (before, start) = (cpu(node.pid)?, Instant::now());
    sleep(WHILE).await;
    Ok((cpu(node.pid)? - before) / start.elapsed().as_secs_f64() * 100.0)
}

/// A running `deployer console`. Killed when dropped.
struct Console {
    _child: Child,
    url: String,
    token: String,
}

impl Console {
    async fn start(stage: &Stage, directory: &Path) -> anyhow::Result<Self> {
        let mut command = child_command(beside("deployer")?, &directory.join("console.log"))?;
        command
            .args(["console", "--no-open", "--output", "json", "--url"])
            .arg(&stage.stack.url)
            .env("TMPDIR", directory)
            .stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the console")?;
        let stdout = child.stdout.take().context("the console has no stdout")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let line: Value = serde_json::from_str(&line.context("the console ended")?)?;
        let address = line["url"]
            .as_str()
            .and_then(|url| url.split_once("/#token="));
        let (url, token) = address.with_context(|| format!("no address in {line}"))?;
        Ok(Self {
            _child: child,
            url: url.to_owned(),
            token: token.to_owned(),
        })
    }

    /// Listens, as a page does.
    async fn open(&self) -> anyhow::Result<AbortOnDropHandle<()>> {
        let events = reqwest::Client::new()
            .get(format!("{}/api/feed", self.url))
            .header("x-console-token", &self.token);
        let mut events = events.send().await?.error_for_status()?;
        let first = events.chunk().await?;
        ensure!(first.is_some(), "the console says nothing");
        let listen = async move { while let Ok(Some(_)) = events.chunk().await {} };
        Ok(AbortOnDropHandle::new(tokio::spawn(listen)))
    }
}
