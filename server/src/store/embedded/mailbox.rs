//! A mailbox of the embedded store: its messages, live and ended, and what each key has settled. No
//! I/O.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::change::Change;
use super::entry::{Counts, Entry};
use super::ids::Ids;
use super::reader::Reader;
use crate::clock::Millis;
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::receipts::KeyReceipt;
use crate::store::{Tally, Waiting};

/// Messages by their place. The tree is half empty, so it has little of them.
type Entries = BTreeMap<Position, Box<Entry>>;

/// One mailbox: its messages, live and ended, and its readers.
#[derive(Debug)]
pub(super) struct MailboxState {
    name: Arc<Mailbox>,
    live: Entries,
    ended: Entries,
    ids: Ids,
    /// Live messages in the order of storing.
    by_seq: BTreeMap<u64, Millis>,
    readers: HashMap<Arc<str>, Reader>,
    /// Bytes of `data` of live messages.
    bytes: u64,
    counts: Counts,
    /// No key has acknowledged anything after this.
    furthest: Option<Position>,
    /// Messages that have ended since readers were looked through.
    ended_since: usize,
}

impl MailboxState {
    pub(super) fn new(name: Mailbox) -> Self {
        Self {
            name: Arc::new(name),
            live: Entries::new(),
            ended: Entries::new(),
            ids: Ids::default(),
            by_seq: BTreeMap::new(),
            readers: HashMap::new(),
            bytes: 0,
            counts: Counts::default(),
            furthest: None,
            ended_since: 0,
        }
    }

    pub(super) fn name(&self) -> Arc<Mailbox> {
        self.name.clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.ended.is_empty()
    }

    /// Live messages and the bytes of their `data`.
    pub(super) fn load(&self) -> (usize, u64) {
        (self.live.len(), self.bytes)
    }

    /// The message of this id, live or ended, and its place.
    pub(super) fn find(&self, id: &str) -> Option<(Position, &Entry)> {
        let at = self.ids.get(id, |at| id_at(&self.live, &self.ended, at))?;
        let entry = self.live.get(&at).or_else(|| self.ended.get(&at))?;
        Some((at, entry))
    }

    pub(super) fn status(&self, id: &str) -> Option<Status> {
        let (at, entry) = self.find(id)?;
        Some(Status {
            notes: entry.notes().to_vec(),
            receipts: entry.receipts().to_vec(),
            ..entry.status(&self.name, at)
        })
    }

    /// Takes a message, which is live, and whose id is not there. Returns by how many bytes the
    /// mailbox has grown.
    pub(super) fn insert(&mut self, message: &Message) -> i64 {
        let at = message.position();
        let id_at = |at| id_at(&self.live, &self.ended, at);
        self.ids.insert(&message.id, at, id_at);
        let mut grown = 0;
        // Requests overtake each other, and a clock goes back: what comes late belongs to no stretch.
        if self.furthest >= Some(at) {
            for reader in self.readers.values_mut() {
                let known = reader.size() as i64;
                reader.stored(at);
                grown += reader.size() as i64 - known;
            }
        }
        self.by_seq.insert(at.seq, at.deliver_at);
        let entry = Box::new(Entry::new(message));
        self.bytes += entry.data_size();
        grown += entry.size() as i64;
        self.live.insert(at, entry);
        grown
    }

    /// Takes a message out of the way of deliveries; what became of it stays. Returns it.
    pub(super) fn end(&mut self, at: Position, when: Millis, cancelled: bool) -> Option<&Entry> {
        let mut entry = self.live.remove(&at)?;
        self.by_seq.remove(&at.seq);
        self.bytes -= entry.data_size();
        self.counts.count(&entry, false);
        entry.end(when, cancelled);
        self.ended_since += 1;
        Some(self.ended.entry(at).or_insert(entry))
    }

    /// Forgets a message that has ended. Returns the bytes that it took.
    pub(super) fn forget(&mut self, at: Position) -> Option<u64> {
        let entry = self.ended.remove(&at)?;
        self.ids.remove(entry.id(), at);
        Some(entry.size())
    }

    /// Sets what is known of a message, as a snapshot has it.
    pub(super) fn set_counts(&mut self, at: Position, delivered: u32, acknowledged: u32) {
        if let Some(entry) = self.live.get_mut(&at) {
            self.counts.count(entry, false);
            entry.set_counts(delivered, acknowledged);
            self.counts.count(entry, true);
        } else if let Some(entry) = self.ended.get_mut(&at) {
            entry.set_counts(delivered, acknowledged);
        }
    }

    /// Notes a receipt of a live message. Returns by how many bytes that has made the reader and
    /// the message grow or shrink; none if it was known, or the message has ended.
    pub(super) fn record(&mut self, at: Position, receipt: &KeyReceipt) -> Option<i64> {
        let (key, acknowledged) = (&receipt.key, receipt.acknowledged.is_some());
        if !self.live.contains_key(&at) {
            return None;
        }
        let before = self.live.range(..at).next_back().map(|(at, _)| *at);
        let next = (Bound::Excluded(at), Bound::Unbounded);
        let after = self.live.range(next).next().map(|(at, _)| *at);
        let known = self.readers.get(key).map_or(0, Reader::size);
        let reader = self.readers.entry(key.clone()).or_default();
        let first_shown = match acknowledged {
            true => reader.acknowledge(at, before, after)?,
            false => reader.show(at).then_some(true)?,
        };
        let grown = reader.size() as i64 - known as i64;
        if acknowledged {
            self.furthest = self.furthest.max(Some(at));
        }
        let entry = self.live.get_mut(&at)?;
        self.counts.count(entry, false);
        let (delivered, settled) = (entry.delivered(), entry.acknowledged());
        entry.set_counts(
            delivered + u32::from(first_shown),
            settled + u32::from(acknowledged),
        );
        self.counts.count(entry, true);
        // Earlier releases wrote no times.
        let kept = match receipt.node.is_empty() {
            true => 0,
            false => entry.keep(receipt),
        };
        Some(grown + kept as i64)
    }

    /// Takes what a key got of a message from a snapshot. Returns the bytes that it takes.
    pub(super) fn keep(&mut self, at: Position, receipt: &KeyReceipt) -> u64 {
        let entry = match self.live.get_mut(&at) {
            None => self.ended.get_mut(&at),
            live => live,
        };
        entry.map_or(0, |entry| entry.keep(receipt))
    }

    /// Notes what happened to a message. Returns the bytes that this takes; 0 if it is known.
    pub(super) fn note(&mut self, at: Position, note: &Note) -> u64 {
        let entry = match self.live.get_mut(&at) {
            None => self.ended.get_mut(&at),
            live => live,
        };
        let Some(entry) = entry else {
            return 0;
        };
        entry.note(note)
    }

    /// Drops what readers know of messages that have ended, once as many have ended as there are
    /// readers. Returns the bytes that this frees.
    pub(super) fn prune(&mut self) -> u64 {
        if self.ended_since < self.readers.len() && !self.live.is_empty() {
            return 0;
        }
        self.ended_since = 0;
        let size = |readers: &HashMap<_, Reader>| readers.values().map(Reader::size).sum::<u64>();
        let before = size(&self.readers);
        match self.live.first_key_value() {
            None => self.readers = HashMap::new(),
            Some((first, _)) => self
                .readers
                .retain(|_, reader| reader.forget_before(*first)),
        }
        before - size(&self.readers)
    }

    /// Messages before `before`, the latest first.
    pub(super) fn list(&self, before: Option<Position>, limit: usize) -> Vec<Status> {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let latest = |entries: &Entries| {
            let entries = entries.range((Bound::Unbounded, end)).rev().take(limit);
            let status = entries.map(|(at, entry)| entry.status(&self.name, *at));
            status.collect::<Vec<_>>()
        };
        let mut found = latest(&self.live);
        found.extend(latest(&self.ended));
        found.sort_by_key(|status| std::cmp::Reverse(status.message.position()));
        found.truncate(limit);
        found
    }

    /// Counts live messages; walks those alone that are not due.
    pub(super) fn tally(&self, now: Millis) -> Tally {
        let due = Bound::Excluded(last_of(now));
        let scheduled = self.live.range((due, Bound::Unbounded));
        // The clock may have gone back since one of them was shown.
        let scheduled = scheduled.filter(|(_, e)| e.delivered() == 0 && e.acknowledged() == 0);
        let scheduled = scheduled.count() as u64;
        let Counts {
            acknowledged,
            delivered,
        } = self.counts;
        let others = acknowledged + delivered + scheduled;
        Tally {
            scheduled,
            pending: self.live.len() as u64 - others,
            delivered,
            acknowledged,
        }
    }

    /// What a key still has to get: jumps over what it has settled.
    pub(super) fn backlog(
        &self,
        key: &str,
        after: Option<Position>,
        (now, until): (Millis, Millis),
        limit: usize,
    ) -> Vec<Waiting> {
        let reader = self.readers.get(key);
        let mut from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (end, mut found) = (last_of(until), Vec::new());
        while found.len() < limit
            && let Some((at, entry)) = self.live.range((from, Bound::Unbounded)).next()
            && *at <= end
        {
            let settled = reader.and_then(|reader| reader.settled_until(*at));
            from = Bound::Excluded(settled.unwrap_or(*at));
            if settled.is_none() && entry.expires_at > now {
                found.push(Waiting {
                    message: entry.message(&self.name, *at),
                    redelivered: reader.is_some_and(|reader| reader.was_shown(*at)),
                });
            }
        }
        found
    }

    /// Live messages due after `after` and by `until`, in order.
    pub(super) fn due(&self, after: Millis, until: Millis, now: Millis) -> Vec<Arc<Message>> {
        if until <= after {
            return Vec::new();
        }
        let range = (
            Bound::Excluded(last_of(after)),
            Bound::Included(last_of(until)),
        );
        let entries = self.live.range(range).filter(|(_, e)| e.expires_at > now);
        entries.map(|(at, e)| e.message(&self.name, *at)).collect()
    }

    /// Live messages that were stored after sequence number `seq`, in the order of storing.
    pub(super) fn stored_since(&self, seq: u64, now: Millis) -> Vec<Arc<Message>> {
        let rows = self.by_seq.range((Bound::Excluded(seq), Bound::Unbounded));
        let messages = rows.filter_map(|(seq, deliver_at)| {
            let at = Position {
                deliver_at: *deliver_at,
                seq: *seq,
            };
            let entry = self.live.get(&at).filter(|e| e.expires_at > now)?;
            Some(entry.message(&self.name, at))
        });
        messages.collect()
    }

    /// The live message at a position.
    pub(super) fn live(&self, at: Position) -> Option<&Entry> {
        self.live.get(&at).map(|entry| &**entry)
    }

    /// Bytes of what is live, readers included, and of what has ended.
    #[cfg(test)]
    pub(super) fn summed_bytes(&self) -> (u64, u64) {
        let sum = |entries: &Entries| entries.values().map(|entry| entry.size()).sum::<u64>();
        let readers = self.readers.values().map(Reader::size).sum::<u64>();
        (sum(&self.live) + readers, sum(&self.ended))
    }

    /// Everything, as changes that make it anew.
    pub(super) fn as_changes(&self) -> Vec<Change> {
        let mailbox = &*self.name;
        let mut changes = Vec::with_capacity(self.live.len() + 2 * self.ended.len());
        let live = self.live.iter().map(|(at, entry)| (*at, entry, true));
        let ended = self.ended.iter().map(|(at, entry)| (*at, entry, false));
        for (at, entry, is_live) in live.chain(ended) {
            changes.push(Change::Stored(entry.message(mailbox, at)));
            if entry.delivered() > 0 || entry.acknowledged() > 0 {
                changes.push(Change::Counts {
                    mailbox: mailbox.clone(),
                    at,
                    delivered: entry.delivered(),
                    acknowledged: entry.acknowledged(),
                });
            }
            changes.extend(entry.notes().iter().map(|note| Change::Noted {
                mailbox: mailbox.clone(),
                at,
                note: note.clone(),
            }));
            changes.extend(entry.receipts().iter().map(|receipt| Change::Kept {
                mailbox: mailbox.clone(),
                at,
                receipt: receipt.clone(),
            }));
            if !is_live {
                changes.push(Change::Ended {
                    mailbox: mailbox.clone(),
                    at,
                    when: entry.ended_at(),
                    cancelled: entry.is_cancelled(),
                });
            }
        }
        changes.extend(self.readers.iter().map(|(key, reader)| {
            let (settled, shown) = reader.parts();
            Change::Reader {
                mailbox: mailbox.clone(),
                key: key.clone(),
                settled: settled.to_vec(),
                shown: shown.to_vec(),
            }
        }));
        changes
    }

    /// Takes a reader from a snapshot. Returns the bytes that it takes.
    pub(super) fn add_reader(&mut self, key: Arc<str>, reader: Reader) -> u64 {
        let size = reader.size();
        let (settled, _) = reader.parts();
        self.furthest = self.furthest.max(settled.last().map(|(_, last)| *last));
        self.readers.insert(key, reader);
        size
    }
}

fn last_of(moment: Millis) -> Position {
    Position {
        deliver_at: moment,
        seq: u64::MAX,
    }
}

/// The id of the message at a place.
fn id_at<'a>(live: &'a Entries, ended: &'a Entries, at: Position) -> &'a str {
    let entry = live.get(&at).or_else(|| ended.get(&at));
    entry.map_or("", |entry| entry.id())
}
