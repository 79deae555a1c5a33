//! Two releases on one store: under load, nodes of another release are replaced one by one by those
//! of this one, back, and again. Each reads what the other has left: messages that were
//! acknowledged, cancelled and retired.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Size, load};
use crate::backend::Answer;
use crate::event::now;
use crate::process::beside;
use crate::publisher::lock;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::Stage;
use crate::tracker::Audience;

/// The channel of the first client, and one that nobody is on.
const HEARD: usize = 0;
const UNHEARD: usize = 1_000_000;
/// How long a message that ends by itself is worth delivering, in ms.
const BRIEF: u64 = 500;
/// How long a message may take until it is what it is to become.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);

/// A message that has come to an end under one release.
struct Left {
    by: &'static str,
    channel: usize,
    id: String,
    state: &'static str,
}

pub(super) async fn run(size: Size, directory: &Path, other: &Path) -> anyhow::Result<Report> {
    ensure!(other.is_file(), "--from {}: no such file", other.display());
    let (own, other) = (beside("server")?, &*std::path::absolute(other)?);
    let redis = Redis::start(directory.join("redis")).await?;
    let mut cast = size.cast();
    cast.server = Some(other.into());
    let mut stage = Stage::set(cast.clone(), &redis.url(), directory).await?;
    stage.publish(load(&cast));
    sleep(size.seconds(2, 10)).await;
    let mut left = leave(&stage, "the other release", 0).await?;
    let ways = [
        ("this release", &*own, "cut-first"),
        ("the other release", other, "sigterm-first"),
        ("this release again", &*own, "cut-first"),
    ];
    for (round, (name, server, order)) in (1..).zip(ways) {
        let from = now();
        replace(&stage, size, server, order).await?;
        stage.mark(&format!("all nodes are replaced by {name}, {order}"), from);
        let took = (now() - from) / 1e3;
        read_back(&stage, name, &left).await?;
        stage.remark(format!(
            "all nodes replaced by {name} in {took:.1} s, {order}; it reads {} messages that were left to it",
            left.len()
        ));
        sleep(size.seconds(2, 10)).await;
        left.extend(leave(&stage, name, round).await?);
    }
    read_back(&stage, "this release again", &left).await?;
    stage.settle("rollout between releases").await
}

/// Replaces all nodes, one by one, by those of a server, and sees that they are.
async fn replace(stage: &Stage, size: Size, server: &Path, order: &str) -> anyhow::Result<()> {
    let file = server.to_str().context("the path is no text")?;
    let mut deploy = vec!["deploy", "--order", order, "--server-bin", file];
    // Long enough for both releases to serve side by side.
    deploy.extend(["--deregistration-delay", size.pick("1s", "5s")]);
    stage.stack.local(&deploy).await?;
    for (name, node) in stage.stack.nodes() {
        let runs = std::fs::read_link(format!("/proc/{}/exe", node.pid))?;
        let wanted = server.canonicalize()?;
        ensure!(runs == wanted, "{name} runs {}", runs.display());
    }
    Ok(())
}

/// Leaves a message that is acknowledged, one that is cancelled and one that is retired.
async fn leave(stage: &Stage, by: &'static str, round: usize) -> anyhow::Result<Vec<Left>> {
    let left = |channel, state| Left {
        by,
        channel,
        id: format!("{state}-{round}"),
        state,
    };
    let all = vec![
        left(HEARD, "acknowledged"),
        left(UNHEARD, "cancelled"),
        left(UNHEARD, "expired"),
    ];
    for message in &all {
        let (delay, ttl) = match message.state {
            "cancelled" => (600_000, 600_000),
            "expired" => (0, BRIEF),
            _ => (0, 1_200_000),
        };
        let (id, audience) = (&message.id, Audience::Channel(message.channel));
        let body = json!({ "event": "code", "data": { "code": id }, "id": id, "deliver_in": delay, "ttl": ttl });
        if message.channel == HEARD {
            lock(&stage.tracker).published(id, audience);
        }
        accept(stage, message, &body).await?;
        if message.state == "cancelled" {
            stage.backend.cancel(audience, id).await?;
        }
        until(stage, message).await?;
    }
    Ok(all)
}

/// Publishes a message until it is accepted.
async fn accept(stage: &Stage, message: &Left, body: &Value) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let audience = Audience::Channel(message.channel);
        match stage.backend.publish(audience, body).await {
            Answer::Accepted {
                deliver_at,
                expires_at,
            } => {
                lock(&stage.tracker).accepted(&message.id, now(), deliver_at, expires_at);
                return Ok(());
            }
            Answer::Later(..) if start.elapsed() < PATIENCE => sleep(LOOK).await,
            answer => anyhow::bail!("{} is not accepted: {answer:?}", message.id),
        }
    }
}

/// Waits until a message has ended as it is to end.
async fn until(stage: &Stage, message: &Left) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let state = state(stage, message).await?;
        if state == message.state {
            return Ok(());
        }
        let (id, by) = (&message.id, message.by);
        ensure!(start.elapsed() < PATIENCE, "{id} is {state} under {by}");
        sleep(LOOK).await;
    }
}

/// Reads what the releases before this one have left.
async fn read_back(stage: &Stage, name: &str, left: &[Left]) -> anyhow::Result<()> {
    for message in left {
        let state = state(stage, message).await?;
        if state != message.state {
            let Left { by, id, .. } = message;
            stage.fault(format!("{name} says that {id} of {by} is {state}"));
        }
    }
    Ok(())
}

async fn state(stage: &Stage, message: &Left) -> anyhow::Result<String> {
    let audience = Audience::Channel(message.channel);
    stage.backend.state(audience, &message.id).await
}
