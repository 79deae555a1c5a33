//! What Redis's memory is taken by: messages that live, those that have ended, receipts and keys.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tokio::time::sleep;

use super::print;
use crate::backend::Answer;
use crate::publisher::{Load, lock};
use crate::redis::Redis;
use crate::stage::{Cast, Stage, Transports};
use crate::tracker::Audience;

const MESSAGES: usize = 5_000;
const KEYS: usize = 2_000;
const CHANNELS: usize = 100;
/// Bytes of a message's `data`.
const DATA: usize = 200;
/// Clients that share the channels whose messages are delivered.
const FEW: usize = 1;
const MANY: usize = 21;
/// Calls at a time.
const AT_A_TIME: usize = 16;

pub(super) async fn run() -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    let (message, key) = live(directory.path()).await?;
    let few = ended(directory.path(), FEW).await?;
    let many = ended(directory.path(), MANY).await?;
    let receipt = (many - few) / (MANY - FEW) as f64;
    let ended = few - receipt * FEW as f64;
    print(&format!(
        "Redis's memory, messages of {DATA} bytes of data:\n  \
         a live message {message:.0} bytes, a plugin key {key:.0} bytes\n  \
         an ended message {ended:.0} bytes and {receipt:.0} for each key that acknowledged it"
    ))
}

fn cast(clients: usize, channels: usize) -> Cast {
    Cast {
        nodes: 1,
        clients,
        channels,
        transports: Transports::WebSocket,
        flaky: false,
        server: None,
    }
}

/// Bytes of a live message and of a key.
async fn live(directory: &Path) -> anyhow::Result<(f64, f64)> {
    let redis = Redis::start(directory.join("live")).await?;
    let stage = Stage::set(cast(1, 1), &redis.url(), directory).await?;
    let backend = &stage.backend;
    let empty = redis.number("memory", "used_memory").await?;
    stream::iter(0..MESSAGES)
        .map(|n| async move {
            let body = json!({ "event": "code", "data": "x".repeat(DATA), "id": format!("m-{n}"), "deliver_in": 3_600_000 });
            let answer = backend.publish(Audience::Channel(n % CHANNELS), &body).await;
            ensure!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
            Ok(())
        })
        .buffer_unordered(AT_A_TIME)
        .try_collect::<()>()
        .await?;
    let full = redis.number("memory", "used_memory").await?;
    stream::iter(0..KEYS)
        .map(|n| async move { backend.key(n).await.map(drop) })
        .buffer_unordered(AT_A_TIME)
        .try_collect::<()>()
        .await?;
    let keys = redis.number("memory", "used_memory").await?;
    Ok((
        (full - empty) / MESSAGES as f64,
        (keys - full) / KEYS as f64,
    ))
}

/// Bytes of a message that so many clients have acknowledged, receipts included.
async fn ended(directory: &Path, clients: usize) -> anyhow::Result<f64> {
    let redis = Redis::start(directory.join(format!("ended-{clients}"))).await?;
    let mut stage = Stage::set(cast(clients, 1), &redis.url(), directory).await?;
    let empty = redis.number("memory", "used_memory").await?;
    stage.publish(Load {
        rate: 100.0,
        channels: 0..1,
        ahead: Duration::ZERO,
        everyone: 0,
        brief: 0,
    });
    sleep(Duration::from_secs(10)).await;
    let tracker = stage.tracker.clone();
    stage.settle("memory").await?;
    let full = redis.number("memory", "used_memory").await?;
    let (accepted, _) = lock(&tracker).counts();
    Ok((full - empty) / accepted as f64)
}
