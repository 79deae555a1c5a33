//! A store that can be away, slow or deaf at will, on top of a real one; and nodes in this process
//! that use it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::Value;
use server::ban::Ban;
use server::clock::Millis;
use server::delivery::Tuning;
use server::keys::{KeyRecord, KeyUse};
use server::message::{Mailbox, Message, Note, Position, Status};
use server::node::Node;
use server::settings::{Environment, Settings};
use server::store::{
    Announcement, Cancelled, Draft, Embedded, Expired, Held, Published, Receipt, Restored, Result,
    Store, StoreError, Swept, Tally, Waiting, Wanted,
};
use server::tasks::Tasks;
use tokio::sync::broadcast;

use crate::harness::BACKEND_KEY;

/// A store with faults that a test switches on.
pub(crate) struct Faulty {
    inner: Embedded,
    away: AtomicBool,
    delay_ms: AtomicU64,
    deaf: broadcast::Sender<Announcement>,
    is_deaf: bool,
}

impl Faulty {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::with(false))
    }

    /// A store that announces nothing.
    pub(crate) fn deaf() -> Arc<Self> {
        Arc::new(Self::with(true))
    }

    fn with(is_deaf: bool) -> Self {
        Self {
            inner: Embedded::in_memory().unwrap(),
            away: AtomicBool::new(false),
            delay_ms: AtomicU64::new(0),
            deaf: broadcast::Sender::new(1),
            is_deaf,
        }
    }

    /// More announcements at once than the node takes in: it is told that it lost some.
    pub(crate) fn overwhelm(&self) {
        for _ in 0..3 {
            self.deaf
                .send(Announcement::Revoked("nobody".into()))
                .unwrap();
        }
    }

    pub(crate) fn go_away(&self) {
        self.away.store(true, Ordering::SeqCst);
    }

    pub(crate) fn come_back(&self) {
        self.away.store(false, Ordering::SeqCst);
        self.delay_ms.store(0, Ordering::SeqCst);
    }

    pub(crate) fn slow_down(&self, delay: Duration) {
        self.delay_ms
            .store(delay.as_millis() as u64, Ordering::SeqCst);
    }

    async fn fault(&self) -> Result<()> {
        tokio::time::sleep(Duration::from_millis(self.delay_ms.load(Ordering::SeqCst))).await;
        match self.away.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("away".into())),
            false => Ok(()),
        }
    }
}

macro_rules! faulty {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Faulty {
            $(async fn $name(&self $(, $arg: $type)*) -> Result<$answer> {
                self.fault().await?;
                self.inner.$name($($arg),*).await
            })*

            async fn announcements(&self, wanted: Wanted) -> broadcast::Receiver<Announcement> {
                if self.is_deaf { self.deaf.subscribe() } else { self.inner.announcements(wanted).await }
            }
        }
    };
}

faulty! {
    fn now() -> i64;
    fn publish(drafts: Vec<Draft>) -> Vec<Published>;
    fn status(mailbox: &Mailbox, id: &str) -> Option<Status>;
    fn list(mailbox: &Mailbox, before: Option<Position>, limit: usize) -> Vec<Status>;
    fn tally(mailbox: &Mailbox) -> Tally;
    fn cancel(mailbox: &Mailbox, id: &str) -> Cancelled;
    fn backlog(mailbox: &Mailbox, key: &str, after: Option<Position>, until: Millis, limit: usize) -> Vec<Waiting>;
    fn sweep(mailbox: &Mailbox, seq: Option<u64>, after: Millis, until: Millis) -> Swept;
    fn record(receipts: Vec<Receipt>) -> ();
    fn note(notes: Vec<(Arc<Message>, Note)>) -> ();
    fn expire(now: Millis, limit: usize) -> Vec<Expired>;
    fn restore(held: Held) -> Restored;
    fn put_key(key: KeyRecord) -> bool;
    fn prolong_key(key: KeyRecord) -> bool;
    fn bar_key(key: KeyRecord) -> bool;
    fn key(id: &str) -> Option<KeyRecord>;
    fn keys(after: Option<&str>, limit: usize) -> Vec<KeyRecord>;
    fn revoke_key(id: &str) -> bool;
    fn set_presence(node: &str, changes: &[(Mailbox, u32)]) -> ();
    fn places(mailboxes: &[Mailbox]) -> Vec<Vec<(String, u32)>>;
    fn keys_of(channel: &str, after: Option<&str>, limit: usize) -> Vec<KeyRecord>;
    fn channels(prefix: &str, after: Option<&str>, limit: usize) -> Vec<(String, u64)>;
    fn record_uses(uses: Vec<(Arc<str>, KeyUse)>) -> ();
    fn uses(ids: &[Arc<str>]) -> Vec<Option<KeyUse>>;
    fn announce_ban(ban: Ban) -> ();
}

struct Variables(HashMap<&'static str, String>);

impl Environment for Variables {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

/// Starts a node in this process, with shortened constants.
pub(crate) async fn node(name: &str, store: Arc<dyn Store>, tuning: Tuning) -> Node {
    node_with(name, store, &Tasks::new(), tuning).await
}

/// The same, with the store's tasks among those that it lives by.
pub(crate) async fn node_with(
    name: &str,
    store: Arc<dyn Store>,
    tasks: &Tasks,
    tuning: Tuning,
) -> Node {
    let settings = [
        ("BIND", "127.0.0.1:0"),
        ("ADMIN_BIND", "127.0.0.1:0"),
        ("S2S_KEYS", BACKEND_KEY),
        ("NODE_ID", name),
        ("DRAIN", "2s"),
    ];
    let variables = Variables(
        settings
            .map(|(name, value)| (name, value.to_owned()))
            .into(),
    );
    Node::start(Settings::read(&variables).unwrap(), store, tasks, tuning)
        .await
        .unwrap()
}

pub(crate) fn url(node: &Node) -> String {
    format!("http://{}", node.address)
}

/// Calls a node's API with the backend key: status, `Retry-After`, body.
pub(crate) async fn call(
    node: &Node,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (u16, Option<String>, Value) {
    let mut request = reqwest::Client::new()
        .request(method, format!("{}{path}", url(node)))
        .header("authorization", format!("ApiKey {BACKEND_KEY}"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let retry = response
        .headers()
        .get("retry-after")
        .map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (status, retry, response.json().await.unwrap_or_default())
}
