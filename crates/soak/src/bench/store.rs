//! The store in Redis by itself, without sockets and HTTP: what Redis does for a message, a join and
//! nodes that are idle.
//!
//! Three nodes' stores publish, read on, note receipts and retire as nodes do. What is measured is
//! Redis's part, which the load of clients would hide on a small machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use serde_json::value::RawValue;
use server::backends::BackendKeys;
use server::clock::Millis;
use server::message::{Mailbox, Message};
use server::receipts::{KeyReceipt, Outcome};
use server::settings::RedisSettings;
use server::store::{Draft, Published, Receipt, Store};
use server::tasks::Tasks;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::commands::{Stats, since, stats};
use super::print;
use super::sample::cpu;
use crate::redis::Redis;

const NODES: usize = 3;
const CHANNELS: u64 = 1_500;
/// For how long messages of the load are live, in ms.
const TTL: i64 = 2_000;
/// How long a load lasts, and until as many messages end as are published.
pub(super) const BUSY: Duration = Duration::from_secs(8);
pub(super) const WARM: Duration = Duration::from_secs(4);
/// From a message to its acknowledgement, and between two looks for expired messages.
pub(super) const FLUSH: Duration = Duration::from_millis(10);
const RETIRE: Duration = Duration::from_millis(500);
/// Messages that are acknowledged when a key joins, and how often it does.
const ACKNOWLEDGED: usize = 10_000;
const JOINS: usize = 300;
/// Channels of idle nodes.
const IDLE: usize = 5_000;

pub(super) type Stores = Vec<Arc<dyn Store>>;

pub(super) async fn run() -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    for (rate, at_once) in [(500, 1), (3_000, 1), (0, 16)] {
        let redis = Redis::start(directory.path().join(format!("load-{rate}"))).await?;
        load(&redis, rate, at_once).await?;
    }
    let redis = Redis::start(directory.path().join("joins")).await?;
    joins(&redis).await?;
    idle(&redis).await
}

/// The stores of three nodes that share a Redis.
pub(super) async fn connect(url: &str) -> anyhow::Result<Stores> {
    let settings = RedisSettings {
        url: url.to_owned(),
        ..RedisSettings::default()
    };
    let keys = BackendKeys::parse("benchmark-backend-key-of-32-characters");
    let keys = keys.map_err(|mistake| anyhow::anyhow!("{mistake}"))?;
    let mut stores: Stores = Vec::new();
    for node in 0..NODES {
        let store = server::store::Redis::connect(&settings, &keys, &Tasks::new()).await?;
        let store = Arc::new(store);
        let heard = store.announcements(Arc::new(|_: &str| true)).await;
        store.set_presence(&format!("n{node}"), &[]).await?;
        tokio::spawn(async move {
            let mut heard = heard;
            while heard.recv().await.is_ok() {}
        });
        stores.push(store);
    }
    Ok(stores)
}

pub(super) fn draft(number: u64, ttl: i64, now: Millis) -> anyhow::Result<Draft> {
    let data = format!("{{\"code\":\"{number:0>200}\"}}");
    Ok(Draft {
        mailbox: Mailbox::channel("n", &format!("c{}", number % CHANNELS)),
        id: format!("m-{number}"),
        event: "code".into(),
        data: RawValue::from_string(data)?,
        created_at: now,
        deliver_at: now,
        expires_at: Millis(now.0 + ttl),
        digest: [7; 32],
    })
}

pub(super) async fn now(store: &dyn Store) -> anyhow::Result<Millis> {
    Ok(Millis(store.now().await?.div_euclid(1000)))
}

/// Publishes; an error where it is not stored.
pub(super) async fn publish(
    store: &dyn Store,
    drafts: Vec<Draft>,
) -> anyhow::Result<Vec<Arc<Message>>> {
    let answers = store.publish(drafts).await?;
    answers
        .into_iter()
        .map(|answer| match answer {
            Published::Stored(status) => Ok(status.message),
            other => anyhow::bail!("not stored: {other:?}"),
        })
        .collect()
}

/// What two plugins on two nodes have to say of messages.
pub(super) async fn receipts(stores: &Stores, messages: &[Arc<Message>]) -> anyhow::Result<()> {
    let of_plugin = |plugin: usize| {
        let receipts = messages.iter().flat_map(move |message| {
            [false, true].map(|acknowledged| Receipt {
                message: message.clone(),
                of_key: KeyReceipt {
                    key: format!("key-{plugin}-{}", message.mailbox).into(),
                    node: format!("n{plugin}").into(),
                    emitted_at: Some(message.deliver_at),
                    acknowledged: acknowledged.then_some((message.deliver_at, Outcome::Shown)),
                },
            })
        });
        stores[plugin].record(receipts.collect())
    };
    try_join_all([of_plugin(0), of_plugin(1)]).await?;
    Ok(())
}

/// Publishes at a rate, or as fast as it goes, and sees every message through to its end, while
/// something is measured. That is told how many were published.
pub(super) async fn under_load<T>(
    stores: &Stores,
    rate: u64,
    at_once: u64,
    measure: impl AsyncFnOnce(&AtomicU64) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let published = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for node in 0..NODES {
        let store = stores[node].clone();
        tasks.spawn(async move {
            loop {
                sleep(RETIRE).await;
                store.expire(now(&*store).await?, 5_000).await?;
            }
        });
        let (stores, published) = (stores.clone(), published.clone());
        tasks.spawn(async move {
            let mut tick = interval(FLUSH);
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            loop {
                let number = match rate {
                    0 => at_once * 16,
                    _ => rate * FLUSH.as_millis() as u64 / 1_000 / NODES as u64,
                };
                if rate > 0 {
                    tick.tick().await;
                }
                let first = published.fetch_add(number.max(1), Ordering::Relaxed);
                let at = now(&*stores[node]).await?;
                let calls = (first..first + number.max(1)).map(|n| {
                    let store = stores[node].clone();
                    async move { publish(&*store, vec![draft(n, TTL, at)?]).await }
                });
                let messages = try_join_all(calls).await?.concat();
                receipts(&stores, &messages).await?;
            }
        });
    }
    tokio::select! {
        measured = measure(&published) => measured,
        Some(ended) = tasks.join_next() => {
            let ended: anyhow::Result<()> = ended.context("a node's task")?;
            ended?;
            anyhow::bail!("the load has ended by itself")
        }
    }
}

async fn load(redis: &Redis, rate: u64, at_once: u64) -> anyhow::Result<()> {
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
    let (calls, micros, messages) = under_load(&stores, rate, at_once, measured).await?;
    report(&calls, micros, messages as f64, rate)
}

fn report(calls: &Stats, micros: f64, messages: f64, rate: u64) -> anyhow::Result<()> {
    let commands: f64 = calls.values().map(|(calls, _)| calls).sum();
    let (pace, goal) = match rate {
        0 => ("in pipelines of 16".to_owned(), 30),
        rate => (format!("{rate}/s wanted"), 60),
    };
    print(&format!(
        "{pace}: {:.0} messages/s published, acknowledged by two keys and retired: {:.1} commands (goal 24) and {:.1} µs of \
         Redis's CPU each (goal {goal} µs)",
        messages / BUSY.as_secs_f64(),
        commands / messages,
        micros / messages,
    ))?;
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
