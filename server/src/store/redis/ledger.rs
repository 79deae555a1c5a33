//! What this node has been told is stored, until it ends: put back if the store loses it, counted if that cannot be done.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::clock::Millis;
use crate::message::{Mailbox, Message};

/// Bytes of `data` that are held; of what is beyond only the number is known.
const MOST_BYTES: usize = 32 << 20;
/// What a message takes beside its `data`.
const OVERHEAD: usize = 512;
/// Messages that are only counted are told apart by the second in which they end.
const BUCKET: i64 = 1000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By expiry: the end is dropped first, the last to end is given up first when there is no room.
    held: BTreeMap<(Millis, Mailbox, u64), Arc<Message>>,
    bytes: usize,
    /// How many are not held, by the second in which they end.
    counted: HashMap<i64, u64>,
}

impl Ledger {
    /// Notes a message that was stored.
    pub(super) fn accept(&mut self, message: &Arc<Message>, now: Millis) {
        self.forget_ended(now);
        let key = key(message);
        if self.held.insert(key, message.clone()).is_none() {
            self.bytes += size(message);
        }
        while self.bytes > MOST_BYTES
            && let Some((_, message)) = self.held.pop_last()
        {
            self.bytes -= size(&message);
            *self
                .counted
                .entry(message.expires_at.0 / BUCKET)
                .or_default() += 1;
        }
    }

    /// Drops a message that was withdrawn.
    pub(super) fn cancelled(&mut self, mailbox: &Mailbox, seq: u64) {
        let found = self.held.keys().find(|(_, m, s)| *s == seq && m == mailbox);
        if let Some(found) = found.cloned()
            && let Some(message) = self.held.remove(&found)
        {
            self.bytes -= size(&message);
        }
    }

    /// What can be put back.
    pub(super) fn held(&mut self, now: Millis) -> Vec<Arc<Message>> {
        self.forget_ended(now);
        self.held.values().cloned().collect()
    }

    /// How many cannot, and begins to count anew: they are gone.
    pub(super) fn take_lost(&mut self, now: Millis) -> u64 {
        self.forget_ended(now);
        self.counted.drain().map(|(_, count)| count).sum()
    }

    fn forget_ended(&mut self, now: Millis) {
        while let Some(entry) = self.held.first_entry()
            && entry.key().0 <= now
        {
            self.bytes -= size(&entry.remove());
        }
        self.counted.retain(|second, _| *second >= now.0 / BUCKET);
    }
}

fn key(message: &Message) -> (Millis, Mailbox, u64) {
    (message.expires_at, message.mailbox.clone(), message.seq)
}

fn size(message: &Message) -> usize {
    message.data.get().len() + OVERHEAD
}
