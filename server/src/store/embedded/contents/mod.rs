//! Everything that the embedded store keeps, in plain structures, and the rules for it. No I/O.
//!
//! Whatever changes it is a `Change`: carried out by `apply`, and told to whoever keeps a journal.

mod applying;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use super::change::Change;
use super::keys::Keys;
use super::mailbox::MailboxState;
use crate::clock::{Millis, system_micros};
use crate::keys::{KeyKind, KeyRecord};
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::store::{
    Announcement, Cancelled, Draft, Expired, MAX_CHANNEL_BYTES, MAX_CHANNEL_MESSAGES,
    MAX_EVERYONE_MESSAGES, MAX_KEYS, Published, RETENTION, Receipt,
};

/// When something happens to a message. A million of them are kept: the mailbox is one word.
type Moment = (Millis, Position, Arc<Mailbox>);

/// The mailboxes, the keys, and what their bounds count.
#[derive(Debug)]
pub(super) struct Contents {
    mailboxes: HashMap<Mailbox, MailboxState>,
    keys: Keys,
    /// Live messages by their expiry, and ended ones by when they are forgotten.
    expiries: BTreeSet<Moment>,
    retired: BTreeSet<Moment>,
    seq: u64,
    /// Bytes of live messages and of what keys have settled, and of messages that have ended.
    live_bytes: u64,
    ended_bytes: u64,
    /// The bounds of both.
    most_live: u64,
    most_ended: u64,
    /// What the journal still has to be told; none where there is no journal.
    untold: Option<Vec<Change>>,
    announced: Vec<Announcement>,
}

impl Contents {
    /// Nothing yet, with room for so many bytes of live and of ended messages.
    pub(super) fn new(most_live: u64, most_ended: u64, journal: bool) -> Self {
        Self {
            mailboxes: HashMap::new(),
            keys: Keys::default(),
            expiries: BTreeSet::new(),
            retired: BTreeSet::new(),
            seq: 0,
            live_bytes: 0,
            ended_bytes: 0,
            most_live,
            most_ended,
            untold: journal.then(Vec::new),
            announced: Vec::new(),
        }
    }

    pub(super) fn mailbox(&self, mailbox: &Mailbox) -> Option<&MailboxState> {
        self.mailboxes.get(mailbox)
    }

    /// The last sequence number given so far.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// What happened since the last call: changes for the journal, and what every node is told.
    pub(super) fn take_news(&mut self) -> (Vec<Change>, Vec<Announcement>) {
        let untold = self.untold.as_mut().map(std::mem::take);
        (
            untold.unwrap_or_default(),
            std::mem::take(&mut self.announced),
        )
    }

    pub(super) fn publish(&mut self, draft: Draft) -> Published {
        let state = self.mailboxes.get(&draft.mailbox);
        if let Some((at, known)) = state.and_then(|state| state.find(&draft.id)) {
            return match known.digest == draft.digest {
                true => Published::Repeated(known.status(&draft.mailbox, at)),
                false => Published::Conflict,
            };
        }
        if draft.expires_at <= draft.deliver_at {
            return Published::Expired;
        }
        let load = state.map(MailboxState::load).unwrap_or_default();
        if let Some(bound) = self.exceeded(&draft, load) {
            return Published::Full(bound);
        }
        let message = Arc::new(Message {
            mailbox: draft.mailbox,
            id: draft.id,
            seq: self.seq + 1,
            event: draft.event,
            data: draft.data,
            created_at: draft.created_at,
            deliver_at: draft.deliver_at,
            expires_at: draft.expires_at,
            digest: draft.digest,
            packet_body: OnceLock::new(),
        });
        self.change(Change::Stored(message.clone()));
        self.announced
            .push(Announcement::Published(message.clone()));
        Published::Stored(Status {
            message,
            cancelled: false,
            delivered_keys: 0,
            acknowledged_keys: 0,
            notes: Vec::new(),
            receipts: Vec::new(),
        })
    }

    /// The bound that one more message would pass, if any.
    fn exceeded(&self, draft: &Draft, (messages, bytes): (usize, u64)) -> Option<&'static str> {
        let most = match draft.mailbox.channel_name() {
            Some(_) => MAX_CHANNEL_MESSAGES,
            None => MAX_EVERYONE_MESSAGES,
        };
        let size = draft.data.get().len() as u64;
        if messages >= most as usize {
            Some("the number of live messages in this mailbox")
        } else if bytes + size > MAX_CHANNEL_BYTES {
            Some("the size of live messages in this mailbox")
        } else if self.live_bytes + size > self.most_live {
            Some("the size of all live messages in the store")
        } else {
            None
        }
    }

    pub(super) fn cancel(&mut self, mailbox: &Mailbox, id: &str) -> Cancelled {
        let state = self.mailboxes.get(mailbox);
        let Some((at, entry)) = state.and_then(|state| state.find(id)) else {
            return Cancelled::Unknown;
        };
        let now = now();
        if entry.is_cancelled() {
            return Cancelled::Done;
        }
        if at.deliver_at <= now {
            return Cancelled::TooLate;
        }
        self.change(Change::Ended {
            mailbox: mailbox.clone(),
            at,
            when: now,
            cancelled: true,
        });
        self.announced
            .push(Announcement::Cancelled(mailbox.clone(), at));
        Cancelled::Done
    }

    /// Notes a receipt. One of a message that has ended, or was lost, says nothing any more.
    pub(super) fn record(&mut self, receipt: &Receipt) {
        self.change(Change::Receipt {
            mailbox: receipt.message.mailbox.clone(),
            at: receipt.message.position(),
            receipt: receipt.of_key.clone(),
        });
    }

    pub(super) fn note(&mut self, message: &Message, note: Note) {
        self.change(Change::Noted {
            mailbox: message.mailbox.clone(),
            at: message.position(),
            note,
        });
    }

    /// Ends up to `limit` messages that have expired by `now`, and forgets those whose day is over,
    /// or that do not fit. Returns those that nobody acknowledged, and whether there may be more.
    pub(super) fn expire(&mut self, now: Millis, limit: usize) -> (Vec<Expired>, bool) {
        let mut unacknowledged = Vec::new();
        let ended = first_until(&self.expiries, now, limit);
        for (_, at, mailbox) in &ended {
            let state = self.mailboxes.get(&**mailbox);
            let entry = state.and_then(|state| state.live(*at));
            if let Some(entry) = entry.filter(|entry| entry.acknowledged() == 0) {
                unacknowledged.push(Expired {
                    mailbox: (**mailbox).clone(),
                    id: entry.id().to_owned(),
                    delivered_keys: entry.delivered(),
                });
            }
            self.change(Change::Ended {
                mailbox: (**mailbox).clone(),
                at: *at,
                when: now,
                cancelled: false,
            });
        }
        let mut forgotten = first_until(&self.retired, now, limit);
        for moment in &forgotten {
            self.forget(moment);
        }
        while self.ended_bytes > self.most_ended
            && forgotten.len() < limit
            && let Some(moment) = self.retired.first().cloned()
        {
            self.forget(&moment);
            forgotten.push(moment);
        }
        let more = ended.len() == limit || forgotten.len() == limit;
        (unacknowledged, more)
    }

    pub(super) fn put_key(&mut self, key: KeyRecord) -> bool {
        let known = self.keys.get(&key.id);
        let is_barred = known.is_some_and(|known| known.kind == KeyKind::Barred);
        let room = !is_barred && self.has_room_for(&key);
        if room {
            self.change(Change::Key(Box::new(key)));
        }
        room
    }

    /// Stores what has changed of a key; false when there is none with its id and secret.
    pub(super) fn prolong_key(&mut self, key: KeyRecord) -> bool {
        let known = self.keys.get(&key.id);
        let Some(known) = known.filter(|k| k.kind == key.kind && k.hash == key.hash) else {
            return false;
        };
        // A key without an end has the latest.
        let end_of = |key: &KeyRecord| key.expires_at.map_or(i64::MAX, |end| end.0);
        if end_of(known) <= end_of(&key) {
            self.change(Change::Key(Box::new(key)));
        }
        true
    }

    /// Bars an id, and revokes the key that has it.
    pub(super) fn bar_key(&mut self, key: KeyRecord) -> bool {
        let room = self.has_room_for(&key);
        if room {
            self.announced.push(Announcement::Revoked(key.id.clone()));
            self.change(Change::Key(Box::new(key)));
        }
        room
    }

    fn has_room_for(&self, key: &KeyRecord) -> bool {
        (self.keys.len() as u64) < MAX_KEYS || self.keys.get(&key.id).is_some()
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Deletes a key; false when there is none.
    pub(super) fn revoke_key(&mut self, id: &str) -> bool {
        let existed = self.keys.get(id).is_some();
        if existed {
            self.change(Change::Revoked(id.into()));
            self.announced.push(Announcement::Revoked(id.into()));
        }
        existed
    }

    /// Keys and the last sequence number, as changes that make them anew.
    pub(super) fn head_as_changes(&self) -> Vec<Change> {
        let keys = self.keys.all();
        let keys = keys.map(|key| Change::Key(Box::new(key.clone())));
        keys.chain([Change::Seq(self.seq)]).collect()
    }

    /// Everything of a mailbox, as changes that make it anew.
    pub(super) fn mailbox_as_changes(&self, mailbox: &Mailbox) -> Vec<Change> {
        self.mailboxes
            .get(mailbox)
            .map_or_else(Vec::new, MailboxState::as_changes)
    }

    /// Everything, as changes that make it anew.
    pub(super) fn everything(&self) -> Vec<Change> {
        let mut changes = self.head_as_changes();
        changes.extend(self.mailboxes.values().flat_map(MailboxState::as_changes));
        changes
    }

    /// Bytes of what is live and of what has ended, as they are kept.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.live_bytes, self.ended_bytes)
    }

    /// The same, summed up anew.
    #[cfg(test)]
    pub(super) fn summed_bytes(&self) -> (u64, u64) {
        let sums = self.mailboxes.values().map(MailboxState::summed_bytes);
        sums.fold((0, 0), |(live, ended), sum| (live + sum.0, ended + sum.1))
    }

    pub(super) fn mailboxes(&self) -> Vec<Mailbox> {
        self.mailboxes.keys().cloned().collect()
    }
}

/// The first `limit` whose moment has come.
fn first_until(moments: &BTreeSet<Moment>, now: Millis, limit: usize) -> Vec<Moment> {
    let due = moments.iter().take_while(|(moment, ..)| *moment <= now);
    due.take(limit).cloned().collect()
}

/// When a message that ended at this moment is forgotten.
fn forgotten_at(ended_at: Millis) -> Millis {
    Millis(ended_at.0.saturating_add(RETENTION))
}

/// The embedded store's clock: the machine's, without its leaps.
pub(super) fn now() -> Millis {
    Millis(system_micros().div_euclid(1000))
}
