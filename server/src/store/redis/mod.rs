//! The store that nodes share: mailboxes, receipts, keys and presence in a Redis or Valkey of
//! version 7 at least.
//!
//! Each step that must be atomic is a script; what must not be lost goes through the `writer`;
//! announcements come in through the `listener`; the `pulse` says that this node lives. What is
//! absent: no node leads, and no node takes a message for itself. A cluster is not spoken: the keys
//! of a mailbox share a slot, but the index of expiries is one.

mod accepted;
mod calls;
mod encoding;
mod expiry;
mod fitness;
mod key_cache;
mod keys;
mod link;
mod listener;
mod message_format;
mod names;
mod presence;
mod pulse;
mod restore;
mod script;
mod seal;
mod sweep;
mod writer;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{
    Client, ConnectionInfo, FromRedisValue, IntoConnectionInfo as _, Value, cmd, from_redis_value,
};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep};

use super::{Announcement, Result, StoreError};
use crate::backends::BackendKeys;
use crate::clock::Millis;
use crate::message::Mailbox;
use crate::settings::RedisSettings;
use crate::tasks::Tasks;
use accepted::Accepted;
use key_cache::KnownKeys;
use link::Link;
use seal::Seals;
use sweep::Unread;
use writer::Writer;

/// How long a node waits for Redis when it starts.
const FIRST_CONNECTION: Duration = Duration::from_secs(15);
/// How far the store may go back with a failover or a restart from its log, which nobody need be
/// told, in milliseconds.
const WENT_BACK: i64 = 5_000;
/// How long nodes may take to put back what the store has lost.
const PUT_BACK: Duration = Duration::from_secs(10);
/// From this share of its memory on, Redis is not given new messages: receipts and keys need the
/// rest.
const FULL_PERCENT: u64 = 90;
/// From this share on, messages that have ended are forgotten at once.
const SHORT_PERCENT: u64 = 80;

/// The store in Redis.
pub struct Redis {
    shared: Arc<Shared>,
    client: Client,
}

/// What the store's tasks share.
struct Shared {
    /// Calls that need no confirmation.
    calls: Arc<Link>,
    writer: Writer,
    announcements: broadcast::Sender<Announcement>,
    /// What each node of this process has said of its sockets.
    presence: Mutex<HashMap<String, HashMap<Mailbox, u32>>>,
    /// Tells this process from others with its node's name.
    instance: String,
    accepted: Mutex<Accepted>,
    known_keys: Mutex<KnownKeys>,
    /// What the store was marked with when this node saw it last. Held while it is looked at, so
    /// that an answer never meets what was learnt after its question.
    epoch: tokio::sync::Mutex<Option<String>>,
    /// The time that this node has written into the store last, in milliseconds; 0 before the
    /// first.
    beat: AtomicI64,
    /// When the store was last seen to have lost data.
    lost_data: Mutex<Option<Instant>>,
    /// Whether it has, and this node has not put back yet what it holds.
    emptied: AtomicBool,
    /// What tells that a mailbox need not be read on.
    unread: Unread,
    /// How much of its memory Redis has used, if it has a bound.
    full_percent: AtomicU64,
    /// Whether Redis drops messages when its memory is full.
    drops: AtomicBool,
    /// How many keys there were by id and by channel when the order by channel was made anew; see
    /// `keys`.
    incomplete_channels: Mutex<Vec<u64>>,
    /// When both were compared.
    channels_looked_at: Mutex<Option<Instant>>,
    /// What proves that a node has announced a message.
    seals: Seals,
    /// The tasks that the node lives by; the store's are among them.
    tasks: Tasks,
}

impl Redis {
    /// Connects to the store. Where Redis is away it is tried for 15 s. The node lives by `tasks`,
    /// of which the store's are some, and its announcements are proved by `keys`.
    ///
    /// # Errors
    /// When it cannot be reached, refuses the credentials, or is older than version 7; says which.
    pub async fn connect(
        settings: &RedisSettings,
        keys: &BackendKeys,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        // A second store in one process finds the provider installed.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::open(connection_info(settings)?)?;
        fitness::wait_for(&client, FIRST_CONNECTION).await?;
        let calls = Link::start(client.clone(), tasks);
        let shared = Arc::new(Shared {
            writer: Writer::start(Link::start(client.clone(), tasks), tasks),
            calls,
            announcements: listener::channel(),
            presence: Mutex::default(),
            instance: ulid::Ulid::generate().to_string(),
            accepted: Mutex::default(),
            known_keys: Mutex::default(),
            epoch: tokio::sync::Mutex::default(),
            beat: AtomicI64::new(0),
            lost_data: Mutex::default(),
            emptied: AtomicBool::new(false),
            unread: Unread::default(),
            full_percent: AtomicU64::new(0),
            drops: AtomicBool::new(false),
            incomplete_channels: Mutex::default(),
            channels_looked_at: Mutex::default(),
            seals: Seals::new(keys.clone()),
            tasks: tasks.clone(),
        });
        let store = Self { shared, client };
        store.wait_for_connection().await?;
        store.shared.look_at_epoch().await?;
        tasks.spawn("beat", pulse::beat(store.shared.clone()));
        Ok(store)
    }

    async fn wait_for_connection(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        let both = async || {
            self.shared.writer.run(vec![cmd("PING")]).await?;
            self.shared.now().await
        };
        while let Err(error) = both().await {
            anyhow::ensure!(start.elapsed() < FIRST_CONNECTION, "{error}");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

fn connection_info(settings: &RedisSettings) -> anyhow::Result<ConnectionInfo> {
    let info = settings.url.as_str().into_connection_info()?;
    let mut login = info
        .redis_settings()
        .clone()
        .set_lib_name("holdfast", env!("CARGO_PKG_VERSION"));
    if let Some(username) = &settings.username {
        login = login.set_username(username);
    }
    if let Some(password) = &settings.password {
        login = login.set_password(password);
    }
    Ok(info.set_redis_settings(login))
}

impl Shared {
    /// The store's clock: microseconds since the Unix epoch.
    async fn micros(&self) -> Result<i64> {
        let (seconds, micros): (i64, i64) = read(self.calls.ask(&cmd("TIME")).await?)?;
        Ok(seconds * 1_000_000 + micros)
    }

    async fn now(&self) -> Result<Millis> {
        Ok(Millis(self.micros().await?.div_euclid(1000)))
    }

    fn announce(&self, announcement: Announcement) {
        // Nobody listens while a node starts or stops.
        let _ = self.announcements.send(announcement);
    }

    /// Announcements are heard again. What was announced meanwhile was not, and data may have gone
    /// too.
    async fn resumed(&self, first: bool) {
        loop {
            match self.look_at_epoch().await {
                Ok(true) => return,
                Ok(false) if first => return,
                Ok(false) => return self.announce(Announcement::Interrupted { emptied: false }),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Whether data has gone since the last look, by a restart without it or from an old snapshot;
    /// says so to the node.
    async fn look_at_epoch(&self) -> Result<bool> {
        let mut known = self.epoch.lock().await;
        // Before the question: a beat that is written meanwhile is not in the answer.
        let written = self.beat.load(Ordering::Relaxed);
        let mut both = cmd("MGET");
        both.arg(names::EPOCH).arg(names::beat(&self.instance));
        let (mut found, beat): (Option<String>, Option<i64>) = read(self.calls.ask(&both).await?)?;
        if found.is_none() {
            let mark = ulid::Ulid::generate().to_string();
            let mut command = cmd("SET");
            command.arg(names::EPOCH).arg(&mark).arg("NX").arg("GET");
            let other: Option<String> = read(self.calls.ask(&command).await?)?;
            found = other.or(Some(mark));
        }
        let went_back = beat.unwrap_or(0) < written - WENT_BACK;
        let emptied = went_back || known.is_some() && *known != found;
        *known = found;
        if emptied {
            self.beat.store(0, Ordering::Relaxed);
            *lock(&self.lost_data) = Some(Instant::now());
            self.emptied.store(true, Ordering::Relaxed);
            self.announce(Announcement::Interrupted { emptied: true });
        }
        Ok(emptied)
    }

    /// Whether the store may lack keys that nodes are about to put back.
    async fn lacks_keys(&self) -> Result<bool> {
        let recently = |at: Instant| at.elapsed() < PUT_BACK;
        if lock(&self.lost_data).is_some_and(recently) {
            return Ok(true);
        }
        self.look_at_epoch().await
    }

    fn presence(&self) -> MutexGuard<'_, HashMap<String, HashMap<Mailbox, u32>>> {
        lock(&self.presence)
    }

    fn accepted(&self) -> MutexGuard<'_, Accepted> {
        lock(&self.accepted)
    }

    fn known_keys(&self) -> MutexGuard<'_, KnownKeys> {
        lock(&self.known_keys)
    }

    fn is_full(&self) -> bool {
        self.full_percent.load(Ordering::Relaxed) >= FULL_PERCENT
    }

    fn is_short(&self) -> bool {
        self.full_percent.load(Ordering::Relaxed) >= SHORT_PERCENT
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
