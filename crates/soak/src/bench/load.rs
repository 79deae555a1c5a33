//! A load of messages on the stores of three nodes: published, acknowledged by a key on each of two
//! nodes, and retired, as nodes do it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use serde_json::value::RawValue;
use server::backends::BackendKeys;
use server::clock::Millis;
use server::message::{Mailbox, Message};
use server::receipts::{KeyReceipt, Outcome};
use server::settings::RedisSettings;
use server::store::{Draft, Published, Receipt, Store};
use server::tasks::Tasks;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

pub(super) const NODES: usize = 3;
pub(super) const CHANNELS: u64 = 1_500;
/// How long a load lasts, and until as many messages end as are published.
pub(super) const BUSY: Duration = Duration::from_secs(8);
pub(super) const WARM: Duration = Duration::from_secs(4);
/// From a message to its acknowledgement, and between two looks for expired messages.
pub(super) const FLUSH: Duration = Duration::from_millis(10);
const RETIRE: Duration = Duration::from_millis(500);
/// Messages that a node publishes at once where there is no rate: so many pipelines of sixteen.
const AT_ONCE: u64 = 16 * 16;

pub(super) type Stores = Vec<Arc<dyn Store>>;

/// What is published.
#[derive(Clone, Copy)]
pub(super) struct Load {
    /// Messages a second of all nodes; as fast as it goes if there is none.
    pub(super) rate: Option<u64>,
    /// For how long they are live.
    pub(super) ttl: Duration,
}

impl Load {
    /// One of messages that end during it.
    pub(super) const fn at(rate: Option<u64>) -> Self {
        Self {
            rate,
            ttl: Duration::from_secs(2),
        }
    }

    /// Messages that a node publishes at once.
    fn at_once(self) -> u64 {
        self.rate.map_or(AT_ONCE, |rate| {
            (rate * FLUSH.as_millis() as u64 / 1_000 / NODES as u64).max(1)
        })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rate {
            Some(rate) => write!(f, "{rate}/s wanted"),
            None => write!(f, "in pipelines of 16"),
        }
    }
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
        let socket = (Mailbox::channel("n", "c0"), 1);
        store.set_presence(&format!("n{node}"), &[socket]).await?;
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

/// What a plugin on a node has to say of messages.
fn of_plugin(plugin: usize, messages: &[Arc<Message>]) -> Vec<Receipt> {
    let each = messages.iter().flat_map(|message| {
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
    each.collect()
}

/// Notes what two plugins on two nodes have to say of messages.
pub(super) async fn receipts(stores: &Stores, messages: &[Arc<Message>]) -> anyhow::Result<()> {
    let record = |plugin: usize| stores[plugin].record(of_plugin(plugin, messages));
    try_join_all([record(0), record(1)]).await?;
    Ok(())
}

/// Notes what a plugin has got, as a node does: what comes within a moment is one call.
async fn recorder(
    store: Arc<dyn Store>,
    plugin: usize,
    mut got: mpsc::Receiver<Vec<Arc<Message>>>,
) -> anyhow::Result<()> {
    while let Some(mut messages) = got.recv().await {
        sleep(FLUSH).await;
        while let Ok(more) = got.try_recv() {
            messages.extend(more);
        }
        store.record(of_plugin(plugin, &messages)).await?;
    }
    Ok(())
}

/// Publishes at a rate, or as fast as it goes, and sees every message through to its end, while
/// something is measured. That is told how many were published.
pub(super) async fn under_load<T>(
    stores: &Stores,
    load: Load,
    measure: impl AsyncFnOnce(&AtomicU64) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let published = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    let mut recorders = Vec::new();
    for (plugin, store) in stores.iter().take(2).enumerate() {
        let (own, got) = mpsc::channel(2 * NODES);
        tasks.spawn(recorder(store.clone(), plugin, got));
        recorders.push(own);
    }
    for publisher in stores {
        let store = publisher.clone();
        tasks.spawn(async move {
            loop {
                sleep(RETIRE).await;
                store.expire(now(&*store).await?, 5_000).await?;
            }
        });
        let (store, published) = (publisher.clone(), published.clone());
        let recorders = recorders.clone();
        tasks.spawn(async move {
            let mut tick = interval(FLUSH);
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            loop {
                if load.rate.is_some() {
                    tick.tick().await;
                }
                let number = load.at_once();
                let first = published.fetch_add(number, Ordering::Relaxed);
                let at = now(&*store).await?;
                let calls = (first..first + number).map(async |n| {
                    let draft = draft(n, load.ttl.as_millis() as i64, at)?;
                    publish(&*store, vec![draft]).await
                });
                let messages = try_join_all(calls).await?.concat();
                // A recorder that is behind holds the load up.
                for recorder in &recorders {
                    recorder.send(messages.clone()).await?;
                }
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
