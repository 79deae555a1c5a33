//! The embedded store: everything in memory, and with a directory in a journal there, too. One
//! process, so presence is kept in memory.
//!
//! A call holds the contents for as long as it computes. Where there is a journal, it answers once
//! what it has changed is on the disk.

mod bounds;
mod change;
mod codec;
mod contents;
mod entry;
mod ids;
mod import;
mod journal;
mod keys;
mod mailbox;
mod reader;
mod segments;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{
    Announcement, Cancelled, Draft, Expired, Held, Published, Receipt, Restored, Result, Store,
    StoreError, Swept, Tally, Waiting, Wanted,
};
use crate::clock::{Millis, system_micros};
use crate::keys::{KeyRecord, KeyUse};
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::tasks::Tasks;
use contents::{Contents, now};
use journal::Journal;
use segments::Segments;

/// Announcements that a slow listener may be behind by.
const ANNOUNCEMENTS: usize = 16_384;
/// Messages that end while others wait for the contents.
const EXPIRE_AT_ONCE: usize = 256;

/// The embedded store.
pub struct Embedded {
    contents: Arc<Mutex<Contents>>,
    journal: Option<Journal>,
    announcements: broadcast::Sender<Announcement>,
    /// The nodes of this process, one as a rule, with their sockets.
    presence: Mutex<HashMap<Mailbox, Vec<(String, u32)>>>,
    uses: Mutex<HashMap<Arc<str>, KeyUse>>,
}

impl Embedded {
    /// A store that is gone with the process.
    ///
    /// # Errors
    /// None today; a store in a directory has some.
    pub fn in_memory() -> Result<Self> {
        let bounds = bounds::bounds();
        let contents = Contents::new(bounds.live, bounds.ended, false);
        Ok(Self {
            contents: Arc::new(Mutex::new(contents)),
            journal: None,
            announcements: broadcast::Sender::new(ANNOUNCEMENTS),
            presence: Mutex::default(),
            uses: Mutex::default(),
        })
    }

    /// A store whose journal is in `directory`, which is made where it is missing; its thread is one
    /// of `tasks`. What release 0.1 has left there is taken over.
    ///
    /// # Errors
    /// When the directory cannot be written, another process has it, or a later release has written
    /// there.
    pub fn open(directory: &Path, tasks: &Tasks) -> Result<Self> {
        let segments = Segments::open(directory).map_err(unavailable)?;
        let bounds = bounds::bounds();
        let mut contents = Contents::new(bounds.live, bounds.ended, true);
        let mut last = segments
            .read(|change| {
                contents.apply(change);
            })
            .map_err(unavailable)?;
        if import::read(directory, &mut contents).map_err(unavailable)? {
            last += 1;
            let everything = contents.everything();
            segments
                .snapshot(last, everything.into_iter())
                .map_err(unavailable)?;
            import::put_aside(directory).map_err(unavailable)?;
        }
        let contents = Arc::new(Mutex::new(contents));
        let announcements = broadcast::Sender::new(ANNOUNCEMENTS);
        let heard = announcements.clone();
        let journal = Journal::start(segments, last, contents.clone(), heard, tasks);
        Ok(Self {
            contents,
            journal: Some(journal.map_err(unavailable)?),
            announcements,
            presence: Mutex::default(),
            uses: Mutex::default(),
        })
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the contents, and returns once that is safe.
    async fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> Result<T> {
        // Before anything changes: what was refused is not there later, and takes no memory.
        if let Some(why) = self.trouble() {
            return Err(StoreError::Disk(why));
        }
        if self.journal.as_ref().is_some_and(Journal::is_overloaded) {
            return Err(unavailable("too many writes are waiting"));
        }
        let (answer, ticket) = {
            let mut contents = self.contents();
            let answer = change(&mut contents);
            let (changes, announced) = contents.take_news();
            let journal = self.journal.as_ref();
            let ticket = match journal {
                Some(journal) => Some(journal.append((changes, announced))),
                None => {
                    for announcement in announced {
                        // Nobody listens while a server starts or stops.
                        let _ = self.announcements.send(announcement);
                    }
                    None
                }
            };
            (answer, ticket)
        };
        if let Some(ticket) = ticket {
            ticket.written().await?;
        }
        Ok(answer)
    }
}

fn unavailable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[async_trait]
impl Store for Embedded {
    async fn now(&self) -> Result<i64> {
        Ok(system_micros())
    }

    async fn publish(&self, drafts: Vec<Draft>) -> Result<Vec<Published>> {
        self.change(|contents| {
            let drafts = drafts.into_iter();
            drafts.map(|draft| contents.publish(draft)).collect()
        })
        .await
    }

    async fn status(&self, mailbox: &Mailbox, id: &str) -> Result<Option<Status>> {
        let contents = self.contents();
        Ok(contents.mailbox(mailbox).and_then(|state| state.status(id)))
    }

    async fn list(
        &self,
        mailbox: &Mailbox,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Status>> {
        let contents = self.contents();
        let state = contents.mailbox(mailbox);
        Ok(state.map_or_else(Vec::new, |state| state.list(before, limit)))
    }

    async fn tally(&self, mailbox: &Mailbox) -> Result<Tally> {
        let contents = self.contents();
        let state = contents.mailbox(mailbox);
        Ok(state.map_or_else(Tally::default, |state| state.tally(now())))
    }

    async fn cancel(&self, mailbox: &Mailbox, id: &str) -> Result<Cancelled> {
        self.change(|contents| contents.cancel(mailbox, id)).await
    }

    async fn backlog(
        &self,
        mailbox: &Mailbox,
        key: &str,
        after: Option<Position>,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<Waiting>> {
        let contents = self.contents();
        let state = contents.mailbox(mailbox);
        Ok(state.map_or_else(Vec::new, |state| {
            state.backlog(key, after, (now(), until), limit)
        }))
    }

    async fn sweep(
        &self,
        mailbox: &Mailbox,
        seq: Option<u64>,
        after: Millis,
        until: Millis,
    ) -> Result<Swept> {
        let contents = self.contents();
        let (state, now) = (contents.mailbox(mailbox), now());
        let mut swept = Swept {
            seq: contents.seq(),
            ..Swept::default()
        };
        if let Some(state) = state {
            swept.stored = seq.map_or_else(Vec::new, |seq| state.stored_since(seq, now));
            swept.due = state.due(after, until, now);
        }
        Ok(swept)
    }

    async fn record(&self, receipts: Vec<Receipt>) -> Result<()> {
        self.change(|contents| receipts.iter().for_each(|receipt| contents.record(receipt)))
            .await
    }

    async fn note(&self, notes: Vec<(Arc<Message>, Note)>) -> Result<()> {
        self.change(|contents| {
            for (message, note) in notes {
                contents.note(&message, note);
            }
        })
        .await
    }

    async fn expire(&self, now: Millis, limit: usize) -> Result<Vec<Expired>> {
        let mut expired = Vec::new();
        for _ in 0..limit.div_ceil(EXPIRE_AT_ONCE) {
            let (some, more) = self
                .change(|contents| contents.expire(now, EXPIRE_AT_ONCE))
                .await?;
            expired.extend(some);
            if !more {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(expired)
    }

    /// There is nothing to put back: what this store has answered is on the disk, or ends with the
    /// node.
    async fn restore(&self, _: Held) -> Result<Restored> {
        Ok(Restored::default())
    }

    async fn put_key(&self, key: KeyRecord) -> Result<bool> {
        self.change(|contents| contents.put_key(key)).await
    }

    async fn prolong_key(&self, key: KeyRecord) -> Result<bool> {
        self.change(|contents| contents.prolong_key(key)).await
    }

    async fn bar_key(&self, key: KeyRecord) -> Result<bool> {
        self.change(|contents| contents.bar_key(key)).await
    }

    async fn key(&self, id: &str) -> Result<Option<KeyRecord>> {
        Ok(self.contents().keys().get(id).cloned())
    }

    async fn keys(&self, after: Option<&str>, limit: usize) -> Result<Vec<KeyRecord>> {
        Ok(self
            .contents()
            .keys()
            .after(after.unwrap_or_default(), limit))
    }

    async fn keys_of(
        &self,
        channel: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<KeyRecord>> {
        let after = after.unwrap_or_default();
        Ok(self.contents().keys().of_channel(channel, after, limit))
    }

    async fn channels(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, u64)>> {
        let after = after.unwrap_or_default();
        Ok(self.contents().keys().channels(prefix, after, limit))
    }

    /// Kept for as long as the process lives.
    async fn record_uses(&self, uses: Vec<(Arc<str>, KeyUse)>) -> Result<()> {
        let contents = self.contents();
        let mut known = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, used) in uses {
            if contents.keys().get(&id).is_some() {
                let last = known.get(&id);
                if last.is_some_and(|last| used.is_over_before(last)) {
                    continue;
                }
                let first = last.map_or(used.first_at, |u| u.first_at);
                let used = KeyUse {
                    first_at: first,
                    ..used
                };
                known.insert(id, used);
            }
        }
        Ok(())
    }

    async fn uses(&self, ids: &[Arc<str>]) -> Result<Vec<Option<KeyUse>>> {
        let known = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ids.iter().map(|id| known.get(id).cloned()).collect())
    }

    async fn revoke_key(&self, id: &str) -> Result<bool> {
        let revoked = self.change(|contents| contents.revoke_key(id)).await?;
        let mut known = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(id);
        Ok(revoked)
    }

    fn trouble(&self) -> Option<String> {
        self.journal.as_ref()?.broken()
    }

    async fn set_presence(&self, node: &str, changes: &[(Mailbox, u32)]) -> Result<()> {
        let mut presence = self.presence.lock().unwrap_or_else(PoisonError::into_inner);
        for (mailbox, sockets) in changes {
            let nodes = presence.entry(mailbox.clone()).or_default();
            nodes.retain(|(other, _)| other != node);
            if *sockets > 0 {
                nodes.reserve_exact(1);
                nodes.push((node.to_owned(), *sockets));
            }
            if nodes.is_empty() {
                presence.remove(mailbox);
            }
        }
        Ok(())
    }

    async fn places(&self, mailboxes: &[Mailbox]) -> Result<Vec<Vec<(String, u32)>>> {
        let presence = self.presence.lock().unwrap_or_else(PoisonError::into_inner);
        let nodes = |mailbox| presence.get(mailbox).into_iter().flatten();
        let places = |mailbox| nodes(mailbox).cloned().collect();
        Ok(mailboxes.iter().map(places).collect())
    }

    async fn announcements(&self, _: Wanted) -> broadcast::Receiver<Announcement> {
        self.announcements.subscribe()
    }
}
