//! What the server asks of a store, whichever it is: in this process, or remote, slow and sometimes
//! away.
//!
//! A store keeps mailboxes, receipts and keys, has a clock of its own, and announces to every node
//! what it took. Announcements may be lost, doubled or late: the mailbox is right, and nodes read
//! it on their own. Data may be lost too, in a failover or by a restart: nodes put back what they
//! hold.

mod embedded;
mod parts;
mod redis;
mod timed;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::value::RawValue;
use tokio::sync::broadcast;

use crate::ban::Ban;
use crate::clock::Millis;
use crate::keys::{self, KeyKind, KeyRecord, KeyUse};
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::receipts::KeyReceipt;

pub use embedded::Embedded;
pub use parts::{Part, Parts, places_by_part};
pub use redis::Redis;
use timed::PATIENCE;
pub use timed::Timed;

/// Live messages of one channel: those neither expired nor cancelled.
pub const MAX_CHANNEL_MESSAGES: u32 = 10_000;
/// Bytes of `data` of one channel's live messages.
pub const MAX_CHANNEL_BYTES: u64 = 16 << 20;
/// Live messages to everyone in a namespace.
pub const MAX_EVERYONE_MESSAGES: u32 = 100;
/// Bytes of `data` of all live messages.
pub const MAX_STORE_BYTES: u64 = 1 << 30;
/// Bytes of messages that have ended; beyond it the oldest are forgotten before their day is over.
pub const MAX_ARCHIVE_BYTES: u64 = 256 << 20;
/// How long what became of a message is kept after it expired or was cancelled, in milliseconds.
pub const RETENTION: i64 = 24 * 3600 * 1000;
/// Notes that are kept of one message; later ones are dropped.
pub const MAX_NOTES: usize = 32;
/// Keys of which it is kept when they got a message; of further ones, only that they did.
pub const MAX_RECEIPTS: usize = 16;
/// Plugin keys, expired ones included until they are deleted.
pub const MAX_KEYS: u64 = 100_000;

/// Why the store gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It is away, slow or overloaded: the same call may pass later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Its disk takes nothing, so nothing was done: the same call may pass once there is space.
    #[error("the store's disk takes no writes: {0}")]
    Disk(String),
}

/// The store's answer, or why there is none.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A message to be stored; checked, its times resolved.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Where it goes.
    pub mailbox: Mailbox,
    /// Unique in the mailbox.
    pub id: String,
    /// The Socket.IO event.
    pub event: String,
    /// What the plugin gets.
    pub data: Box<RawValue>,
    /// When it was received, by the store's clock.
    pub created_at: Millis,
    /// When it is due.
    pub deliver_at: Millis,
    /// When it is no longer worth delivering.
    pub expires_at: Millis,
    /// SHA-256 of the body as sent.
    pub digest: [u8; 32],
}

/// What became of a draft.
#[derive(Debug, Clone)]
pub enum Published {
    /// Stored, and safe from a crash of this process.
    Stored(Status),
    /// The same request came before; nothing was stored.
    Repeated(Status),
    /// The id stands for another body.
    Conflict,
    /// It would expire before it is due; nothing was stored.
    Expired,
    /// The mailbox or the store has reached this bound.
    Full(&'static str),
    /// Its part of the store gave no answer, and others did.
    Away(StoreError),
}

/// What became of a wish to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It will not be delivered.
    Done,
    /// It was due already, by the store's clock.
    TooLate,
    /// There is no such message.
    Unknown,
}

/// That a key was shown a message, or settled it.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The message.
    pub message: Arc<Message>,
    /// What the key got of it, and when.
    pub of_key: KeyReceipt,
}

impl Receipt {
    /// Whether the message was acknowledged, or only emitted.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.of_key.acknowledged.is_some()
    }
}

/// A message that a key still has to get.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The message.
    pub message: Arc<Message>,
    /// Whether it was emitted to the key before.
    pub redelivered: bool,
}

/// A mailbox read on.
#[derive(Debug, Clone, Default)]
pub struct Swept {
    /// Live messages that were stored after the given sequence number, in the order of storing.
    pub stored: Vec<Arc<Message>>,
    /// Live messages that fall due between the given moments, in order.
    pub due: Vec<Arc<Message>>,
    /// The last sequence number given so far.
    pub seq: u64,
}

/// What a node holds of a store's data.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Messages in its timers and on their way to its sockets.
    pub messages: Vec<Arc<Message>>,
    /// The keys of its sockets. None unless the store was emptied: a key that is missing from
    /// others was revoked.
    pub keys: Vec<KeyRecord>,
    /// Whether the store lost everything, or perhaps its last moments.
    pub emptied: bool,
    /// Of which parts of the store it is to be put back.
    pub parts: Parts,
}

/// What was put back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Messages that the store had lost and has again.
    pub messages: u64,
    /// Keys, likewise.
    pub keys: u64,
    /// Live messages that were accepted here, and that the store has lost for good.
    pub lost: u64,
    /// Parts that gave no answer.
    pub left: Parts,
}

/// A message that expired with nobody's acknowledgement.
#[derive(Debug, Clone)]
pub struct Expired {
    /// Its mailbox.
    pub mailbox: Mailbox,
    /// Its id.
    pub id: String,
    /// How many keys it was emitted to.
    pub delivered_keys: u32,
}

/// How many of a mailbox's live messages are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Not due yet.
    pub scheduled: u64,
    /// Due, and emitted to nobody yet.
    pub pending: u64,
    /// Emitted, acknowledged by nobody.
    pub delivered: u64,
    /// Acknowledged by one key at least.
    pub acknowledged: u64,
}

/// What every node is told, soon after it happened, usually once.
#[derive(Debug, Clone)]
pub enum Announcement {
    /// A message was stored.
    Published(Arc<Message>),
    /// Something is said to have happened, in this mailbox where it is a message; by whom cannot be
    /// told.
    Unproved(Option<Mailbox>),
    /// A node has banned an address.
    Banned(Ban),
    /// A message was withdrawn before it was due.
    Cancelled(Mailbox, Position),
    /// The key with this id was revoked.
    Revoked(Arc<str>),
    /// Messages that the store had lost were put back into this mailbox.
    PutBack(Mailbox),
    /// Announcements may have been lost, and data too: nodes put back what they hold, and read
    /// their mailboxes anew.
    Interrupted {
        /// Whether the store has lost everything.
        emptied: bool,
        /// Which parts of the store.
        parts: Parts,
    },
}

/// Whether a node has sockets on the mailbox of this name: others' messages need not be announced
/// to it.
pub type Wanted = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The record of a plugin's key, if it is right and not past its end.
///
/// # Errors
/// When the store is away: then nothing is known of the key.
pub async fn find_key(store: &dyn Store, key: &str, now: Millis) -> Result<Option<KeyRecord>> {
    let Some(id) = keys::id_of(key) else {
        return Ok(None);
    };
    Ok(store.key(id).await?.filter(|record| record.opens(key, now)))
}

/// Sockets on a mailbox, on all nodes.
///
/// # Errors
/// When the store is away.
pub async fn presence(store: &dyn Store, mailbox: &Mailbox) -> Result<u64> {
    let places = store.places(std::slice::from_ref(mailbox)).await?;
    let sockets = places.iter().flatten().map(|(_, sockets)| *sockets);
    Ok(sockets.map(u64::from).sum())
}

/// Mailboxes, receipts and keys. Every call is atomic and may be repeated.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The store's clock: microseconds since the Unix epoch.
    async fn now(&self) -> Result<i64>;

    /// Stores messages; an answer for each, in order. An error says that no part has answered.
    async fn publish(&self, drafts: Vec<Draft>) -> Result<Vec<Published>>;

    /// One message and what became of it; kept for a day after it expired.
    async fn status(&self, mailbox: &Mailbox, id: &str) -> Result<Option<Status>>;

    /// A mailbox's messages before `before`, the latest first.
    async fn list(
        &self,
        mailbox: &Mailbox,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Status>>;

    /// Counts a mailbox's live messages.
    async fn tally(&self, mailbox: &Mailbox) -> Result<Tally>;

    /// Withdraws a message that is not due yet.
    async fn cancel(&self, mailbox: &Mailbox, id: &str) -> Result<Cancelled>;

    /// Live messages after `after` and due by `until` that `key` has not acknowledged, in order.
    async fn backlog(
        &self,
        mailbox: &Mailbox,
        key: &str,
        after: Option<Position>,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<Waiting>>;

    /// Reads a mailbox on: live messages that were stored after sequence number `seq`, if one is
    /// given, and those due after `after` and by `until`.
    async fn sweep(
        &self,
        mailbox: &Mailbox,
        seq: Option<u64>,
        after: Millis,
        until: Millis,
    ) -> Result<Swept>;

    /// Notes what was emitted and acknowledged.
    async fn record(&self, receipts: Vec<Receipt>) -> Result<()>;

    /// Notes what happened to messages; a message that is unknown, or has `MAX_NOTES`, is left as
    /// it is.
    async fn note(&self, notes: Vec<(Arc<Message>, Note)>) -> Result<()>;

    /// Retires up to `limit` messages that have expired by `now`, and forgets those that did so a
    /// day ago. Returns those that nobody acknowledged; each is returned to one node, and once more
    /// where an answer was lost.
    async fn expire(&self, now: Millis, limit: usize) -> Result<Vec<Expired>>;

    /// Puts back what the store has lost of it; what it has is left as it is. An error says that no
    /// part has answered.
    async fn restore(&self, held: Held) -> Result<Restored>;

    /// Stores a key, in the place of one with its id; false when there are `MAX_KEYS`, or the id is
    /// barred.
    async fn put_key(&self, key: KeyRecord) -> Result<bool>;

    /// Stores what has changed of a key, which keeps the later of both ends; false when there is
    /// none with its id and secret.
    async fn prolong_key(&self, key: KeyRecord) -> Result<bool>;

    /// Revokes the key with the id of a record that bars it, and keeps the record; announced as a
    /// revocation is. False when there are `MAX_KEYS`.
    async fn bar_key(&self, key: KeyRecord) -> Result<bool>;

    /// The key with this id. Where only its part of the store is away, the key as this node knows
    /// it: it cannot be revoked meanwhile.
    async fn key(&self, id: &str) -> Result<Option<KeyRecord>>;

    /// Whether an id is barred. Where only its part of the store is away, as this node knows it.
    async fn is_barred(&self, id: &str) -> Result<bool> {
        let found = self.key(id).await?;
        Ok(found.is_some_and(|key| key.kind == KeyKind::Barred))
    }

    /// Keys after `after`, by id, which is by time of issue.
    async fn keys(&self, after: Option<&str>, limit: usize) -> Result<Vec<KeyRecord>>;

    /// A channel's keys after `after`, by id.
    async fn keys_of(
        &self,
        channel: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<KeyRecord>>;

    /// Channels that have keys, with their number of keys, by name: those after `after` that begin
    /// with `prefix`.
    async fn channels(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, u64)>>;

    /// Keeps how keys, by id, were used last. The first use that was kept stays.
    async fn record_uses(&self, uses: Vec<(Arc<str>, KeyUse)>) -> Result<()>;

    /// How keys were used, in the order of their ids; a store of one process knows of its time
    /// only.
    async fn uses(&self, ids: &[Arc<str>]) -> Result<Vec<Option<KeyUse>>>;

    /// Deletes a key and announces it; false when there is none.
    async fn revoke_key(&self, id: &str) -> Result<bool>;

    /// The parts of it that may be away by themselves.
    fn parts(&self) -> Parts {
        Part::FIRST.into()
    }

    /// The part that has a mailbox; and a key, which a mailbox stands for. A channel has the same
    /// in every namespace.
    fn part_of(&self, _mailbox: &Mailbox) -> Part {
        Part::FIRST
    }

    /// What keeps it from storing anything, if something does that calls for reading do not show.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// Says how many sockets `node` has on each of these mailboxes. A part of the store that is
    /// away is told when it is back.
    async fn set_presence(&self, node: &str, changes: &[(Mailbox, u32)]) -> Result<()>;

    /// Sockets on each mailbox, by node.
    async fn places(&self, mailboxes: &[Mailbox]) -> Result<Vec<Vec<(String, u32)>>>;

    /// Tells the nodes that share the store of a ban. A store of one process has nobody to tell.
    async fn announce_ban(&self, _ban: Ban) -> Result<()> {
        Ok(())
    }

    /// What is announced from now on; of messages, those to `wanted` mailboxes at least. A receiver
    /// that lags loses announcements, and is told so. Waits until it listens.
    async fn announcements(&self, wanted: Wanted) -> broadcast::Receiver<Announcement>;
}
