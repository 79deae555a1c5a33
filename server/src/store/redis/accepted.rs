//! What this node has been told is stored, until it ends: put back if the store loses it, counted
//! if that cannot be done.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::clock::Millis;
use crate::message::{Mailbox, Message};

/// Bytes of `data` that are held; of what is beyond only the number is known.
const MOST_BYTES: usize = 32 << 20;
/// What a message takes beside its `data`.
const OVERHEAD: usize = 512;
/// Messages that are only counted are told apart by the minute in which they end: of 37 days that
/// is a few megabytes.
const BUCKET: i64 = 60_000;

/// The live messages that this node knows to be stored.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    /// By expiry: the end is dropped first, the last to end is given up first when there is no
    /// room.
    held: BTreeMap<(Millis, Mailbox, u64), Arc<Message>>,
    /// When each of them expires, for those that are withdrawn by name.
    ends: HashMap<(Mailbox, u64), Millis>,
    bytes: usize,
    /// How many are not held, by the minute in which they end.
    counted: BTreeMap<i64, u64>,
    /// How many such share what may be held.
    shares: usize,
}

impl Accepted {
    /// One of so many that share what may be held.
    pub(super) fn one_of(shares: usize) -> Self {
        Self {
            shares,
            ..Self::default()
        }
    }

    /// Notes a message that was stored.
    pub(super) fn accept(&mut self, message: &Arc<Message>, now: Millis) {
        self.forget_ended(now);
        let name = (message.mailbox.clone(), message.seq);
        if self.ends.insert(name, message.expires_at).is_none() {
            self.held.insert(key(message), message.clone());
            self.bytes += size(message);
        }
        while self.bytes > MOST_BYTES / self.shares.max(1)
            && let Some((_, message)) = self.held.pop_last()
        {
            self.dropped(&message);
            let minute = message.expires_at.0 / BUCKET;
            *self.counted.entry(minute).or_default() += 1;
        }
    }

    /// Drops a message that was withdrawn.
    pub(super) fn cancelled(&mut self, mailbox: &Mailbox, seq: u64) {
        let name = (mailbox.clone(), seq);
        if let Some(expires_at) = self.ends.get(&name)
            && let Some(message) = self.held.remove(&(*expires_at, name.0, seq))
        {
            self.dropped(&message);
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
        std::mem::take(&mut self.counted).into_values().sum()
    }

    fn forget_ended(&mut self, now: Millis) {
        while let Some(entry) = self.held.first_entry()
            && entry.key().0 <= now
        {
            let message = entry.remove();
            self.dropped(&message);
        }
        while let Some(entry) = self.counted.first_entry()
            && *entry.key() < now.0 / BUCKET
        {
            entry.remove();
        }
    }

    /// After it left `held`.
    fn dropped(&mut self, message: &Message) {
        self.ends.remove(&(message.mailbox.clone(), message.seq));
        self.bytes -= size(message);
    }
}

fn key(message: &Message) -> (Millis, Mailbox, u64) {
    (message.expires_at, message.mailbox.clone(), message.seq)
}

fn size(message: &Message) -> usize {
    message.data.get().len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use serde_json::value::RawValue;

    use super::*;

    fn message(seq: u64, expires_at: i64, size: usize) -> Arc<Message> {
        Arc::new(Message {
            mailbox: Mailbox::channel("n", "c"),
            id: format!("m{seq}"),
            seq,
            event: "e".into(),
            data: RawValue::from_string(format!("\"{}\"", "x".repeat(size))).unwrap(),
            created_at: Millis(0),
            deliver_at: Millis(0),
            expires_at: Millis(expires_at),
            digest: [0; 32],
            packet_body: OnceLock::new(),
        })
    }

    fn seqs(accepted: &mut Accepted, now: i64) -> Vec<u64> {
        accepted.held(Millis(now)).iter().map(|m| m.seq).collect()
    }

    #[test]
    fn what_is_live_is_held() {
        let mut accepted = Accepted::default();
        for (seq, expires_at) in [(1, 10), (2, 30), (3, 20)] {
            accepted.accept(&message(seq, expires_at, 10), Millis(0));
        }
        assert_eq!(seqs(&mut accepted, 0), [1, 3, 2]);
        accepted.cancelled(&Mailbox::channel("n", "c"), 3);
        accepted.cancelled(&Mailbox::channel("n", "other"), 2);
        assert_eq!(seqs(&mut accepted, 10), [2]);
        assert!(seqs(&mut accepted, 30).is_empty());
        assert_eq!((accepted.bytes, accepted.take_lost(Millis(0))), (0, 0));
        assert!(accepted.ends.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_counted_until_it_ends() {
        let mut accepted = Accepted::default();
        let half = MOST_BYTES / 2;
        for (seq, expires_at) in [(1, 100_000), (2, 500_000), (3, 1_000)] {
            accepted.accept(&message(seq, expires_at, half), Millis(0));
        }
        assert_eq!(
            seqs(&mut accepted, 0),
            [3],
            "what ends last is given up first"
        );
        accepted.forget_ended(Millis(200_000));
        assert_eq!(
            accepted.take_lost(Millis(200_000)),
            1,
            "the other has ended since"
        );
        assert_eq!(accepted.take_lost(Millis(200_000)), 0);
    }
}
