//! The store in Redis by itself, without sockets and HTTP: what Redis does for a message, a join and
//! nodes that are idle.
//!
//! Three nodes' stores publish, read on, note receipts and retire as nodes do. What is measured is
//! Redis's part, which the load of clients would hide on a small machine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use server::clock::Millis;
use server::message::Mailbox;
use tokio::time::{Instant, sleep};

use super::commands::{Stats, since, stats};
use super::load::{
    BUSY, CHANNELS, Load, NODES, WARM, connect, draft, now, publish, receipts, under_load,
};
use super::print;
use super::sample::cpu;
use crate::redis::Redis;

/// Longer than a load lasts.
const LONG: Duration = Duration::from_secs(600);
/// What is measured: a load, whether Redis writes its log, and the most CPU of a message in µs.
/// ElastiCache writes none.
const LOADS: [(Load, bool, u32); 6] = [
    (Load::at(Some(500)), true, 60),
    (Load::at(Some(3_000)), true, 60),
    (Load::at(Some(3_000)), false, 60),
    (Load::at(None), true, 30),
    (
        Load {
            rate: None,
            ttl: LONG,
        },
        true,
        30,
    ),
    (
        Load {
            rate: None,
            ttl: LONG,
        },
        false,
        30,
    ),
];
/// Messages that are acknowledged when a key joins, and how often it does.
const ACKNOWLEDGED: usize = 10_000;
const JOINS: usize = 300;
/// Channels of idle nodes.
const IDLE: usize = 5_000;

pub(super) async fn run() -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    for (number, (load, logs, goal)) in LOADS.into_iter().enumerate() {
        let redis = Redis::start(directory.path().join(format!("load-{number}"))).await?;
        if !logs {
            redis
                .command(&["CONFIG", "SET", "appendonly", "no"])
                .await?;
        }
        let what = match (load.ttl, logs) {
            (LONG, true) => "acknowledged by two keys, not retired",
            (LONG, false) => "acknowledged by two keys, not retired, without Redis's log",
            (_, true) => "acknowledged by two keys and retired",
            (_, false) => "acknowledged by two keys and retired, without Redis's log",
        };
        measure(&redis, load, what, goal).await?;
    }
    let redis = Redis::start(directory.path().join("joins")).await?;
    joins(&redis).await?;
    idle(&redis).await
}

async fn measure(redis: &Redis, load: Load, what: &str, goal: u32) -> anyhow::Result<()> {
    let stores = connect(&redis.url()).await?;
    let measured = async |published: &AtomicU64| {
        sleep(WARM).await;
        let begin = (
            stats(redis).await?,
            used(redis)?,
            published.load(Ordering::Relaxed),
        );
        sleep(BUSY).await;
        let calls = since(&stats(redis).await?, &begin.0);
        let micros = (used(redis)? - begin.1) * 1e6;
        anyhow::Ok((calls, micros, published.load(Ordering::Relaxed) - begin.2))
    };
    let (calls, micros, messages) = under_load(&stores, load, measured).await?;
    let messages = messages as f64;
    let commands: f64 = calls.values().map(|(calls, _)| calls).sum();
    print(&format!(
        "{load}: {:.0} messages/s published, {what}: {:.1} commands (goal 24) and {:.1} µs of Redis's CPU each (goal {goal} µs)",
        messages / BUSY.as_secs_f64(),
        commands / messages,
        micros / messages,
    ))?;
    report(&calls, messages)
}

/// How often each command is called for a message.
fn report(calls: &Stats, messages: f64) -> anyhow::Result<()> {
    let mut lines: Vec<_> = calls.iter().collect();
    lines.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    let lines = lines.iter().filter(|line| line.1.0 / messages >= 0.05);
    let lines = lines.map(|(name, (calls, _))| format!("{name} {:.2}", calls / messages));
    print(&format!("  {}", lines.collect::<Vec<_>>().join(", ")))
}

fn used(redis: &Redis) -> anyhow::Result<f64> {
    cpu(redis.pid().context("Redis does not run")?)
}

/// What a join costs that finds ten thousand acknowledged messages, and one that is not.
async fn joins(redis: &Redis) -> anyhow::Result<()> {
    let stores = connect(&redis.url()).await?;
    let (store, mailbox) = (&stores[0], Mailbox::channel("n", "c0"));
    let at = Millis(now(&**store).await?.0 - 60_000);
    for first in (0..ACKNOWLEDGED as u64).step_by(100) {
        let drafts =
            (first..first + 100).map(|n| draft(n * CHANNELS, 600_000, Millis(at.0 + n as i64)));
        let drafts = drafts.collect::<anyhow::Result<Vec<_>>>()?;
        let mut messages = publish(&**store, drafts).await?;
        if first + 100 == ACKNOWLEDGED as u64 {
            messages.pop();
        }
        receipts(&stores, &messages).await?;
    }
    let key = format!("key-0-{mailbox}");
    let mut slowest = Duration::ZERO;
    let begin = used(redis)?;
    for _ in 0..JOINS {
        let (until, start) = (now(&**store).await?, Instant::now());
        let found = store.backlog(&mailbox, &key, None, until, 32).await?;
        slowest = slowest.max(start.elapsed());
        ensure!(found.len() == 1, "{} messages are found", found.len());
    }
    let join = (used(redis)? - begin) / JOINS as f64 * 1e6;
    let begin = used(redis)?;
    for _ in 0..JOINS {
        store.tally(&mailbox).await?;
    }
    print(&format!(
        "a join with {ACKNOWLEDGED} acknowledged messages: {join:.0} µs of Redis's CPU (goal 1,000 µs), the slowest took \
         {slowest:?}; GET channel: {:.0} µs",
        (used(redis)? - begin) / JOINS as f64 * 1e6
    ))
}

/// What idle nodes ask, with many channels that are read on as nodes do.
async fn idle(redis: &Redis) -> anyhow::Result<()> {
    const ROUND: Duration = Duration::from_secs(30);
    let stores = connect(&redis.url()).await?;
    let before = stats(redis).await?;
    let start = Instant::now();
    for store in &stores {
        for n in 0..IDLE {
            let (mailbox, at) = (
                Mailbox::channel("idle", &n.to_string()),
                now(&**store).await?,
            );
            let horizon = at.plus(2 * ROUND);
            // As the second round asks: the first has read up to the horizon of its time.
            store.sweep(&mailbox, Some(0), at, horizon).await?;
        }
    }
    let calls = since(&stats(redis).await?, &before);
    let sweeps: f64 = ["evalsha", "hget", "zrangebyscore", "xrange", "smismember"]
        .iter()
        .filter_map(|name| calls.get(*name).map(|(calls, _)| calls))
        .sum();
    sleep(
        ROUND
            .saturating_sub(start.elapsed())
            .min(Duration::from_secs(10)),
    )
    .await;
    let before = stats(redis).await?;
    sleep(Duration::from_secs(10)).await;
    let pulse: f64 = since(&stats(redis).await?, &before)
        .values()
        .map(|(calls, _)| calls)
        .sum();
    print(&format!(
        "idle: {:.1} commands/s a node (goal 20), and {:.1} to read {IDLE} channels on in {} s",
        pulse / 10.0 / (2 * NODES) as f64,
        sweeps / NODES as f64 / ROUND.as_secs_f64(),
        ROUND.as_secs()
    ))
}
