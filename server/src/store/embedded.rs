//! The embedded store: redb in a directory, or in memory. One process, so presence is kept in
//! memory.
//!
//! Writes go through one thread (see `writer`), which commits what has gathered while the disk was
//! busy; reads run beside it on snapshots.

use std::collections::HashMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use redb::ReadableDatabase;
use tokio::sync::{broadcast, oneshot};

use super::handle::Handle;
use super::schema::{ARCHIVE, IDS, KEYS, MESSAGES, RECEIPTS, TALLIES, now};
use super::snapshot::Snapshot;
use super::writer::{self, Operation, Writer};
use super::{
    Announcement, Cancelled, Draft, Expired, Held, Published, Receipt, Restored, Result, Store,
    StoreError, Swept, Tally, Waiting, Wanted,
};
use crate::clock::{Millis, system_micros};
use crate::keys::KeyRecord;
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::tasks::Tasks;

/// Announcements that a slow listener may be behind by.
const ANNOUNCEMENTS: usize = 16_384;

/// The embedded store.
pub struct Embedded {
    db: Arc<Handle>,
    writer: Writer,
    announcements: broadcast::Sender<Announcement>,
    presence: Mutex<HashMap<Mailbox, HashMap<String, u32>>>,
}

impl Embedded {
    /// A store that is gone with the process, whose writer is one of `tasks`.
    ///
    /// # Errors
    /// When memory or threads are short.
    pub fn in_memory(tasks: &Tasks) -> Result<Self> {
        Self::start(Handle::in_memory().map_err(broken)?, tasks)
    }

    /// A store in the file `holdfast.redb` of `directory`, which is made where it is missing.
    ///
    /// # Errors
    /// When the directory cannot be written, or another process has the file open.
    pub fn open(directory: &Path, tasks: &Tasks) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(broken)?;
        let db = Handle::file(directory.join("holdfast.redb")).map_err(broken)?;
        Self::start(db, tasks)
    }

    fn start(db: Handle, tasks: &Tasks) -> Result<Self> {
        let db = Arc::new(db);
        let tables = db.get().and_then(|db| writer::create_tables(&db));
        tables.map_err(broken)?;
        let announcements = broadcast::Sender::new(ANNOUNCEMENTS);
        let writer = Writer::start(db.clone(), announcements.clone(), tasks).map_err(broken)?;
        Ok(Self {
            db,
            writer,
            announcements,
            presence: Mutex::default(),
        })
    }

    /// Runs `read` on a snapshot, off the runtime's threads.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot) -> std::result::Result<T, redb::Error> + Send + 'static,
    ) -> Result<T> {
        let db = self.db.clone();
        tokio::task::spawn_blocking(move || {
            let answer = db.get().and_then(|db| read(&Snapshot(db.begin_read()?)));
            answer.inspect_err(|error| db.failed(error)).map_err(broken)
        })
        .await
        .map_err(broken)?
    }

    async fn write<T>(&self, operation: impl FnOnce(oneshot::Sender<T>) -> Operation) -> Result<T> {
        self.writer.run(operation).await
    }
}

pub(super) fn broken(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[async_trait]
impl Store for Embedded {
    async fn now(&self) -> Result<i64> {
        Ok(system_micros())
    }

    async fn publish(&self, drafts: Vec<Draft>) -> Result<Vec<Published>> {
        self.write(|reply| Operation::Publish(drafts, reply)).await
    }

    async fn status(&self, mailbox: &Mailbox, id: &str) -> Result<Option<Status>> {
        let (mailbox, id) = (mailbox.clone(), id.to_owned());
        self.read(move |snapshot| {
            let Some(at) = snapshot
                .0
                .open_table(IDS)?
                .get((mailbox.as_str(), id.as_str()))?
            else {
                return Ok(None);
            };
            let (deliver_at, seq) = at.value();
            let message = snapshot.message(
                &mailbox,
                Position {
                    deliver_at: Millis(deliver_at),
                    seq,
                },
            )?;
            let Some(message) = message else {
                return Ok(None);
            };
            let notes = snapshot.notes(&message)?;
            Ok(Some(Status {
                notes,
                ..snapshot.status(message)?
            }))
        })
        .await
    }

    async fn list(
        &self,
        mailbox: &Mailbox,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Status>> {
        let mailbox = mailbox.clone();
        let end = before.unwrap_or(Position {
            deliver_at: Millis(i64::MAX),
            seq: u64::MAX,
        });
        self.read(move |snapshot| {
            let mut found = snapshot.latest(MESSAGES, &mailbox, end, limit)?;
            found.extend(snapshot.latest(ARCHIVE, &mailbox, end, limit)?);
            found.sort_by_key(|message| std::cmp::Reverse(message.position()));
            found.truncate(limit);
            found
                .into_iter()
                .map(|message| snapshot.status(message))
                .collect()
        })
        .await
    }

    async fn tally(&self, mailbox: &Mailbox) -> Result<Tally> {
        let mailbox = mailbox.clone();
        self.read(move |snapshot| {
            let (messages, tallies) = (
                snapshot.0.open_table(MESSAGES)?,
                snapshot.0.open_table(TALLIES)?,
            );
            let (mut tally, now) = (Tally::default(), now());
            for row in messages
                .range((mailbox.as_str(), i64::MIN, 0)..=(mailbox.as_str(), i64::MAX, u64::MAX))?
            {
                let (_, deliver_at, seq) = row?.0.value();
                let counts = tallies
                    .get((mailbox.as_str(), seq))?
                    .map(|counts| counts.value());
                match counts.unwrap_or_default() {
                    (_, 1.., _) => tally.acknowledged += 1,
                    (1.., 0, _) => tally.delivered += 1,
                    _ if deliver_at > now.0 => tally.scheduled += 1,
                    _ => tally.pending += 1,
                }
            }
            Ok(tally)
        })
        .await
    }

    async fn cancel(&self, mailbox: &Mailbox, id: &str) -> Result<Cancelled> {
        let (mailbox, id) = (mailbox.clone(), id.to_owned());
        self.write(|reply| Operation::Cancel(mailbox, id, reply))
            .await
    }

    async fn backlog(
        &self,
        mailbox: &Mailbox,
        key: &str,
        after: Option<Position>,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<Waiting>> {
        let (mailbox, key) = (mailbox.clone(), key.to_owned());
        self.read(move |snapshot| {
            let receipts = snapshot.0.open_table(RECEIPTS)?;
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let to = Position {
                deliver_at: until,
                seq: u64::MAX,
            };
            snapshot.live(&mailbox, (from, to), limit, |message| {
                let receipt = receipts.get((mailbox.as_str(), message.seq, key.as_str()))?;
                Ok(match receipt.map(|acknowledged| acknowledged.value()) {
                    Some(true) => None,
                    known => Some(Waiting {
                        message,
                        redelivered: known.is_some(),
                    }),
                })
            })
        })
        .await
    }

    async fn sweep(
        &self,
        mailbox: &Mailbox,
        seq: Option<u64>,
        after: Millis,
        until: Millis,
    ) -> Result<Swept> {
        let mailbox = mailbox.clone();
        self.read(move |snapshot| {
            Ok(Swept {
                stored: match seq {
                    Some(seq) => snapshot.stored_since(&mailbox, seq)?,
                    None => Vec::new(),
                },
                due: snapshot.due(&mailbox, after, until)?,
                seq: snapshot.last_seq()?,
            })
        })
        .await
    }

    async fn record(&self, receipts: Vec<Receipt>) -> Result<()> {
        self.write(|reply| Operation::Record(receipts, reply)).await
    }

    async fn note(&self, notes: Vec<(Arc<Message>, Note)>) -> Result<()> {
        self.write(|reply| Operation::Note(notes, reply)).await
    }

    async fn expire(&self, now: Millis, limit: usize) -> Result<Vec<Expired>> {
        let due = self.read(move |snapshot| snapshot.has_expired(now)).await?;
        match due {
            true => {
                self.write(|reply| Operation::Expire(now, limit, reply))
                    .await
            }
            // A commit for nothing would cost the disk a flush.
            false => Ok(Vec::new()),
        }
    }

    /// There is nothing to put back: what this store has answered is on the disk, or ends with the
    /// node.
    async fn restore(&self, _: Held) -> Result<Restored> {
        Ok(Restored::default())
    }

    async fn put_key(&self, key: KeyRecord) -> Result<bool> {
        self.write(|reply| Operation::PutKey(key, reply)).await
    }

    async fn key(&self, id: &str) -> Result<Option<KeyRecord>> {
        let id = id.to_owned();
        self.read(move |snapshot| {
            let row = snapshot.0.open_table(KEYS)?.get(id.as_str())?;
            Ok(row.and_then(|json| serde_json::from_slice(json.value()).ok()))
        })
        .await
    }

    async fn keys(&self, after: Option<&str>, limit: usize) -> Result<Vec<KeyRecord>> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |snapshot| {
            let table = snapshot.0.open_table(KEYS)?;
            let rows = table.range::<&str>((Bound::Excluded(after.as_str()), Bound::Unbounded))?;
            let mut keys = Vec::new();
            for row in rows.take(limit) {
                keys.extend(serde_json::from_slice::<KeyRecord>(row?.1.value()).ok());
            }
            Ok(keys)
        })
        .await
    }

    async fn revoke_key(&self, id: &str) -> Result<bool> {
        let id = id.to_owned();
        self.write(|reply| Operation::RevokeKey(id, reply)).await
    }

    async fn set_presence(&self, node: &str, changes: &[(Mailbox, u32)]) -> Result<()> {
        let mut presence = self.presence.lock().unwrap_or_else(PoisonError::into_inner);
        for (mailbox, sockets) in changes {
            let nodes = presence.entry(mailbox.clone()).or_default();
            match sockets {
                0 => nodes.remove(node),
                _ => nodes.insert(node.to_owned(), *sockets),
            };
            if nodes.is_empty() {
                presence.remove(mailbox);
            }
        }
        Ok(())
    }

    async fn presence(&self, mailbox: &Mailbox) -> Result<u64> {
        let presence = self.presence.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(presence
            .get(mailbox)
            .map_or(0, |nodes| nodes.values().map(|n| u64::from(*n)).sum()))
    }

    async fn announcements(&self, _: Wanted) -> broadcast::Receiver<Announcement> {
        self.announcements.subscribe()
    }
}
