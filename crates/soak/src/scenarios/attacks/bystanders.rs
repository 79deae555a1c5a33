//! Those beside the attack: listeners that stay, newcomers that come, and a backend that publishes
//! to the listeners.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use socketio_client::{Session, Settings};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use super::target::Target;
use crate::backend::{Answer, Backend};
use crate::event::{Ms, now};
use crate::tracker::Audience;

const LISTENERS: usize = 20;
/// Between two newcomers, and between two messages.
const NEWCOMER: Duration = Duration::from_millis(250);
const MESSAGE: Duration = Duration::from_millis(50);
/// What a newcomer counts as prompt within, and how long it tries at all.
const PROMPT: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a message lives, in ms: what is left of memory after the attacks is not theirs.
const TTL: u64 = 30_000;
/// Between two tries, as client libraries wait.
const RETRY: Duration = Duration::from_millis(500);

/// What was seen since the last look.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub(super) lateness: Vec<Ms>,
    pub(super) newcomers: usize,
    pub(super) prompt: usize,
}

/// What was seen in all.
#[derive(Debug, Default, Clone)]
pub(super) struct Totals {
    pub(super) published: usize,
    pub(super) accepted: usize,
    pub(super) delivered: usize,
    pub(super) lateness: Vec<Ms>,
    pub(super) refused_newcomers: usize,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    totals: Mutex<Totals>,
    begun: AtomicBool,
    over: AtomicBool,
}

pub(super) struct Bystanders {
    backend: Backend,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Bystanders {
    /// Connects the listeners; messages and newcomers wait until it begins.
    pub(super) async fn start(target: &Arc<Target>) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        for number in 0..LISTENERS {
            let settings = settings(target, target.backend.key(number).await?)?;
            let session = Session::connect(&settings).await?;
            tasks.spawn(listen(session, settings, shared.clone()));
        }
        tasks.spawn(publish(target.backend.clone(), shared.clone()));
        let newcomer = settings(target, target.backend.key(LISTENERS).await?)?;
        tasks.spawn(come(newcomer, shared.clone()));
        Ok(Self {
            backend: target.backend.clone(),
            shared,
            _tasks: tasks,
        })
    }

    pub(super) fn begin(&self) {
        self.shared.begun.store(true, Ordering::Relaxed);
    }

    /// What was seen since the last time.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *lock(&self.shared.seen))
    }

    pub(super) fn totals(&self) -> Totals {
        lock(&self.shared.totals).clone()
    }

    /// Publishes so many messages, one after the other, and waits until they have arrived.
    pub(super) async fn publish(&self, number: usize) {
        for number in 1..=number {
            publish_one(&self.backend, number, &self.shared).await;
        }
        self.settle().await;
    }

    /// Ends publishing, and waits until everything has arrived or no more can be hoped for.
    pub(super) async fn settle(&self) {
        self.shared.over.store(true, Ordering::Relaxed);
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            sleep(RETRY).await;
            let totals = self.totals();
            if totals.delivered >= totals.accepted {
                return;
            }
        }
    }
}

fn settings(target: &Target, key: String) -> anyhow::Result<Settings> {
    Ok(Settings {
        address: format!("http://{}", target.address).parse()?,
        path: "/websockets".into(),
        namespace: "/dropcodes".into(),
        key: Some(key),
    })
}

async fn listen(mut session: Session, settings: Settings, shared: Arc<Shared>) {
    let mut known = std::collections::HashSet::new();
    loop {
        let Ok(incoming) = session.event().await else {
            session = loop {
                sleep(RETRY).await;
                if let Ok(session) = Session::connect(&settings).await {
                    break session;
                }
            };
            continue;
        };
        let at = now();
        let message = incoming.arguments.get(1).unwrap_or(&Value::Null);
        let id = message["id"].as_str().unwrap_or_default().to_owned();
        if let Some(ack) = incoming.ack {
            let _ = session.acknowledge(ack, vec![json!(id)]).await;
        }
        let due = message["deliver_at"].as_str().unwrap_or_default();
        if let Ok(due) = due.parse::<jiff::Timestamp>()
            && known.insert(id)
        {
            let late = at - due.as_millisecond() as Ms;
            lock(&shared.seen).lateness.push(late);
            let mut totals = lock(&shared.totals);
            totals.lateness.push(late);
            totals.delivered += 1;
        }
    }
}

async fn publish(backend: Backend, shared: Arc<Shared>) {
    let mut next = interval(MESSAGE);
    let mut number = 0;
    while !shared.over.load(Ordering::Relaxed) {
        next.tick().await;
        if !shared.begun.load(Ordering::Relaxed) {
            continue;
        }
        number += 1;
        publish_one(&backend, number, &shared).await;
    }
}

async fn publish_one(backend: &Backend, number: usize, shared: &Shared) {
    let audience = Audience::Channel(number % LISTENERS);
    let body = json!({ "event": "e", "data": number, "id": format!("m{number}"),
        "deliver_in": 300, "ttl": TTL });
    lock(&shared.totals).published += 1;
    // The same id again is the same message.
    while !matches!(
        backend.publish(audience, &body).await,
        Answer::Accepted { .. } | Answer::Refused(_)
    ) {
        sleep(RETRY).await;
    }
    lock(&shared.totals).accepted += 1;
}

/// Newcomers with a valid key, each until it is in.
async fn come(settings: Settings, shared: Arc<Shared>) {
    let mut next = interval(NEWCOMER);
    while !shared.over.load(Ordering::Relaxed) {
        next.tick().await;
        if shared.begun.load(Ordering::Relaxed) {
            tokio::spawn(newcomer(settings.clone(), shared.clone()));
        }
    }
}

async fn newcomer(settings: Settings, shared: Arc<Shared>) {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if let Ok(session) = Session::connect(&settings).await {
            let took = since.elapsed();
            session.close().await;
            let mut seen = lock(&shared.seen);
            seen.newcomers += 1;
            seen.prompt += usize::from(took <= PROMPT);
            return;
        }
        sleep(RETRY).await;
    }
    lock(&shared.totals).refused_newcomers += 1;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
