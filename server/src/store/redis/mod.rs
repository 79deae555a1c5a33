//! The store that nodes share: mailboxes, receipts, keys and presence in a Redis or Valkey of
//! version 7 at least.
//!
//! Each step that must be atomic is a script; what must not be lost goes through the `writer`;
//! announcements come in through the `listener`; the `pulse` says that this node lives. What is
//! absent: no node leads, and no node takes a message for itself.
//!
//! The store is one part on one primary, and several on a cluster (`names`). `primaries` knows which
//! primary has which part. What is done for several parts is done for each by itself: one that is
//! away does not hold up the others.

mod accepted;
mod batches;
mod calls;
mod encoding;
mod epoch;
mod expiry;
mod fitness;
mod heard;
mod info;
mod key_cache;
mod key_uses;
mod keys;
mod link;
mod listener;
mod message_format;
mod names;
mod presence;
mod primaries;
mod primary;
mod pulse;
mod restore;
mod script;
mod seal;
mod slots;
mod sweep;
mod whereabouts;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{FromRedisValue, Value, cmd, from_redis_value};
use timeouts::grammar::RedisUrl;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep};

use super::{Announcement, Part, Result, StoreError};
use crate::backends::BackendKeys;
use crate::clock::Millis;
use crate::message::Mailbox;
use crate::settings::RedisSettings;
use crate::tasks::Tasks;
use accepted::Accepted;
use expiry::Ends;
use key_cache::KnownKeys;
use names::Layout;
use presence::Presence;
use primaries::Primaries;
use seal::Seals;
use slots::Slots;
use sweep::Unread;
use whereabouts::{Login, Whereabouts};

/// How long a node waits for Redis when it starts.
const FIRST_CONNECTION: Duration = Duration::from_secs(15);
/// The store in Redis.
pub struct Redis {
    shared: Arc<Shared>,
}

/// What the store's tasks share.
struct Shared {
    primaries: Arc<Primaries>,
    announcements: broadcast::Sender<Announcement>,
    /// Tells this process from others with its node's name.
    instance: String,
    known_keys: Mutex<KnownKeys>,
    /// What tells that a mailbox need not be read on.
    unread: Unread,
    /// What is known of each part.
    parts: Vec<PartState>,
    /// What proves that a node has announced a message.
    seals: Seals,
    /// What the store's clock said last, and when.
    read_clock: Mutex<Option<(Instant, Millis)>>,
    /// The tasks that the node lives by; the store's are among them.
    tasks: Tasks,
}

/// What is known of a part of the store.
#[derive(Default)]
struct PartState {
    accepted: Mutex<Accepted>,
    /// What it was marked with when this node saw it last. Held while it is looked at, so that an
    /// answer never meets what was learnt after its question.
    epoch: tokio::sync::Mutex<Option<String>>,
    /// The time that this node has written into it last, in milliseconds; 0 before the first.
    beat: AtomicI64,
    /// When it was last seen to have lost data.
    lost_data: Mutex<Option<Instant>>,
    /// Whether it has, and this node has not put back yet what it holds.
    emptied: AtomicBool,
    /// Whether its announcements are heard: without them nothing is known of what is new.
    heard: AtomicBool,
    /// What expires in it next.
    ends: Mutex<Ends>,
    /// What this process has said of its sockets. Held while it is told, so that an older number
    /// never comes last.
    presence: tokio::sync::Mutex<Presence>,
    /// How many keys there were by id and by channel when the order by channel was made anew; see
    /// `keys`.
    incomplete_channels: Mutex<Vec<u64>>,
    /// When both were compared.
    channels_looked_at: Mutex<Option<Instant>>,
}

impl PartState {
    fn of_all(number: usize) -> Vec<Self> {
        let new = || Self {
            accepted: Mutex::new(Accepted::one_of(number)),
            ..Self::default()
        };
        std::iter::repeat_with(new).take(number).collect()
    }
}

impl Redis {
    /// Connects to the store. Where Redis is away it is tried for 15 s. The node lives by `tasks`,
    /// of which the store's are some, and its announcements are proved by `keys`.
    ///
    /// # Errors
    /// When it cannot be reached, refuses the credentials, is older than version 7, or is a cluster
    /// where the URL says that it is none; says which.
    pub async fn connect(
        settings: &RedisSettings,
        keys: &BackendKeys,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        // A second store in one process finds the provider installed.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let primaries = find(settings, tasks).await?;
        let parts = primaries.layout.parts();
        let shared = Arc::new(Shared {
            primaries,
            announcements: listener::announcements(),
            instance: ulid::Ulid::generate().to_string(),
            known_keys: Mutex::default(),
            unread: Unread::default(),
            parts: PartState::of_all(parts.iter().count()),
            seals: Seals::new(keys.clone()),
            read_clock: Mutex::default(),
            tasks: tasks.clone(),
        });
        let store = Self { shared };
        store.wait_for_connections().await?;
        tasks.spawn("beat", pulse::beat(store.shared.clone()));
        Ok(store)
    }

    /// Waits until every primary answers, and looks at their marks.
    async fn wait_for_connections(&self) -> anyhow::Result<()> {
        let (start, shared) = (Instant::now(), &self.shared);
        let all = async || {
            let parts = shared.primaries.layout.parts();
            let write = |part| shared.primaries.write(part, vec![cmd("PING")]);
            try_join_all(parts.iter().map(write)).await?;
            for primary in shared.primaries.all() {
                shared.look_at_epochs(&primary, primary.parts()).await?;
            }
            shared.now().await
        };
        while let Err(error) = all().await {
            anyhow::ensure!(start.elapsed() < FIRST_CONNECTION, "{error}");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// Finds the primaries of the store, and keeps them up to date where they change.
async fn find(settings: &RedisSettings, tasks: &Tasks) -> anyhow::Result<Arc<Primaries>> {
    let url = RedisUrl::parse(&settings.url).map_err(|error| anyhow::anyhow!("STORE: {error}"))?;
    if let Some(whereabouts) = Whereabouts::of_primary(url, settings)? {
        fitness::wait_for(&whereabouts, FIRST_CONNECTION).await?;
        let primaries = Primaries::new(Layout::Single, tasks);
        primaries.set_only(whereabouts);
        return Ok(Arc::new(primaries));
    }
    let seeds = url.hosts().map(|(host, port)| (host.to_owned(), port));
    let slots = Arc::new(Slots {
        seeds: seeds.collect(),
        login: Login::new(url, settings),
        turn: AtomicUsize::default(),
    });
    let primaries = Arc::new(Primaries::new(Layout::Cluster, tasks));
    fitness::wait_for_cluster(&slots, &primaries, FIRST_CONNECTION).await?;
    tasks.spawn("follow_slots", slots.follow(primaries.clone()));
    Ok(primaries)
}

impl Shared {
    /// The store's clock: microseconds since the Unix epoch.
    async fn micros(&self) -> Result<i64> {
        let any = self.primaries.any()?;
        let answer = any.calls.ask(&cmd("TIME")).await;
        let (seconds, micros): (i64, i64) = read(answer.map_err(|e| link::unavailable(&e))?)?;
        let micros = seconds * 1_000_000 + micros;
        *lock(&self.read_clock) = Some((Instant::now(), Millis(micros.div_euclid(1000))));
        Ok(micros)
    }

    /// The store's clock, by what it said last.
    fn reckoned_now(&self) -> Option<Millis> {
        let (at, said) = (*lock(&self.read_clock))?;
        Some(said.plus(at.elapsed()))
    }

    async fn now(&self) -> Result<Millis> {
        Ok(Millis(self.micros().await?.div_euclid(1000)))
    }

    fn announce(&self, announcement: Announcement) {
        // Nobody listens while a node starts or stops.
        let _ = self.announcements.send(announcement);
    }

    /// What is known of a part.
    fn part(&self, part: Part) -> &PartState {
        &self.parts[part.index() % self.parts.len()]
    }

    /// The part that has a mailbox.
    fn part_of(&self, mailbox: &Mailbox) -> Part {
        self.primaries.layout.part_of(mailbox)
    }

    /// What was accepted in a part.
    fn accepted(&self, part: Part) -> MutexGuard<'_, Accepted> {
        lock(&self.part(part).accepted)
    }

    fn known_keys(&self) -> MutexGuard<'_, KnownKeys> {
        lock(&self.known_keys)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads an answer of Redis.
fn read<T: FromRedisValue>(answer: Value) -> Result<T> {
    from_redis_value(answer)
        .map_err(|error| StoreError::Unavailable(format!("unexpected answer from Redis: {error}")))
}
