//! Eight clients that reconnect all the time with one valid key, and how many others connect
//! meanwhile. The key's channel has ten thousand live messages that it has acknowledged, or none:
//! what differs is what the history costs.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::plugin::Plugin;
use super::print;
use super::sample::cpu;
use super::servers::Servers;
use crate::backend::{Answer, Backend};
use crate::redis::Redis;
use crate::tracker::Audience;

const NODES: usize = 3;
/// Live messages of the key's channel, all acknowledged: as many as a channel may have.
const HISTORY: usize = 10_000;
/// Clients of the one key; others, and the keys that they take in turn.
const EIGHT: usize = 8;
const OTHERS: usize = 16;
const KEYS: usize = 2_000;
/// How long each figure is taken for, and how often; from one to the next.
const WHILE: Duration = Duration::from_secs(5);
const TURNS: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// How long the history may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Calls at a time.
const AT_A_TIME: usize = 32;
/// Numbers of the channels with a history and without.
const FULL: usize = KEYS;
const EMPTY: usize = KEYS + 1;

pub(super) async fn run() -> anyhow::Result<()> {
    print(&format!(
        "{OTHERS} clients connect with keys of their own to {NODES} nodes and one Redis, while {EIGHT} reconnect with \
         one key:"
    ))?;
    measure("20 joins a second of a key on a node (the default)", &[]).await?;
    let unbounded = [("JOINS_PER_KEY", "1000000"), ("SOCKETS_PER_KEY", "10000")];
    measure("no bound on the joins of a key", &unbounded).await
}

async fn measure(bounds: &str, environment: &[(&str, &str)]) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    let redis = Redis::start(directory.path().join("redis")).await?;
    let servers = Servers::start(NODES, &redis, directory.path(), environment).await?;
    let backend = servers.backend()?;
    let nodes: Arc<[SocketAddr]> = servers.each.iter().map(|server| server.address).collect();
    let own: Vec<_> = stream::iter(0..KEYS)
        .map(|channel| backend.key(channel))
        .buffered(AT_A_TIME)
        .try_collect()
        .await?;
    let own: Arc<[String]> = own.into();
    let full: Arc<[String]> = [backend.key(FULL).await?].into();
    let empty: Arc<[String]> = [backend.key(EMPTY).await?].into();
    acknowledge(&servers, &backend, &full[0]).await?;
    let mut sums = [Turn::default(); 3];
    for _ in 0..TURNS {
        for (sum, key) in sums.iter_mut().zip([None, Some(&empty), Some(&full)]) {
            sum.add(&turn(&redis, &nodes, &own, key).await?);
            sleep(PAUSE).await;
        }
    }
    let [alone, beside_empty, beside_full] = &sums;
    print(&format!("{bounds}:"))?;
    print(&format!("  alone: {alone}"))?;
    print(&format!("  the one key's channel is empty: {beside_empty}"))?;
    print(&format!(
        "  it has {HISTORY} acknowledged messages: {beside_full}"
    ))?;
    print(&format!(
        "  left beside the eight: {:.0} % of the rate alone; {:.0} % of the rate beside eight of an \
         empty channel",
        beside_full.joins / alone.joins * 100.0,
        beside_full.joins / beside_empty.joins * 100.0
    ))
}

/// What some seconds came to, or several times as many.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    seconds: f64,
    /// How often the others joined, and the eight; how often the eight were refused.
    joins: f64,
    of_eight: f64,
    refused: f64,
    /// CPU of Redis, in seconds.
    redis: f64,
}

impl Turn {
    fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.joins += other.joins;
        self.of_eight += other.of_eight;
        self.refused += other.refused;
        self.redis += other.redis;
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} joins a second of the others, {:.0} of the eight and {:.0} refused; Redis takes \
             {:.1} % of a core, {:.0} µs for a join",
            self.joins / self.seconds,
            self.of_eight / self.seconds,
            self.refused / self.seconds,
            self.redis / self.seconds * 100.0,
            self.redis / (self.joins + self.of_eight) * 1e6
        )
    }
}

/// Clients connect for some seconds, with one key beside their own or without.
async fn turn(
    redis: &Redis,
    nodes: &Arc<[SocketAddr]>,
    own: &Arc<[String]>,
    one: Option<&Arc<[String]>>,
) -> anyhow::Result<Turn> {
    let (others, eight, refused) = (Counter::default(), Counter::default(), Counter::default());
    let mut clients = JoinSet::new();
    for n in 0..OTHERS {
        clients.spawn(reconnect(
            n,
            nodes.clone(),
            own.clone(),
            others.clone(),
            None,
        ));
    }
    for (n, key) in one
        .into_iter()
        .flat_map(|key| (0..EIGHT).map(move |n| (n, key)))
    {
        let refused = Some(refused.clone());
        clients.spawn(reconnect(
            n,
            nodes.clone(),
            key.clone(),
            eight.clone(),
            refused,
        ));
    }
    let pid = redis.pid().context("Redis does not run")?;
    let (before, start) = (cpu(pid)?, Instant::now());
    tokio::select! {
        () = sleep(WHILE) => {}
        Some(ended) = clients.join_next() => ended.context("a client's task")??,
    }
    let count = |counter: &Counter| counter.load(Ordering::Relaxed) as f64;
    Ok(Turn {
        seconds: start.elapsed().as_secs_f64(),
        joins: count(&others),
        of_eight: count(&eight),
        refused: count(&refused),
        redis: cpu(pid)? - before,
    })
}

type Counter = Arc<AtomicUsize>;

/// Joins and leaves, one key and one node after the other. A refusal ends it, unless refusals are
/// counted.
async fn reconnect(
    first: usize,
    nodes: Arc<[SocketAddr]>,
    keys: Arc<[String]>,
    joined: Counter,
    refused: Option<Counter>,
) -> anyhow::Result<()> {
    let mut n = first;
    loop {
        n += OTHERS;
        match (
            Plugin::join(nodes[n / OTHERS % nodes.len()], &keys[n % keys.len()]).await,
            &refused,
        ) {
            (Ok(_), _) => joined.fetch_add(1, Ordering::Relaxed),
            (Err(_), Some(refused)) => refused.fetch_add(1, Ordering::Relaxed),
            (Err(error), None) => return Err(error),
        };
    }
}

/// Publishes a full channel, and has a plugin acknowledge all of it.
async fn acknowledge(servers: &Servers, backend: &Backend, key: &str) -> anyhow::Result<()> {
    let node = servers.each.first().context("there is no node")?.address;
    let plugin = Plugin::join(node, key).await?;
    let listening = tokio::spawn(plugin.listen(|_, _| {}));
    let _listening = AbortOnDropHandle::new(listening);
    stream::iter(0..HISTORY)
        .map(|n| async move {
            let body = json!({ "event": "code", "data": { "n": n, "of": HISTORY }, "id": format!("m-{n}"), "ttl": 3_600_000 });
            let answer = backend.publish(Audience::Channel(FULL), &body).await;
            ensure!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
            Ok(())
        })
        .buffer_unordered(AT_A_TIME)
        .try_collect::<()>()
        .await?;
    let start = Instant::now();
    while backend.acknowledged_of(FULL).await? < HISTORY as u64 {
        ensure!(
            start.elapsed() < PATIENCE,
            "the history is not acknowledged"
        );
        sleep(PAUSE).await;
    }
    Ok(())
}
