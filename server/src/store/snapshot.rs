//! Reading the embedded store: a view of the database at one moment, which no writer waits for.

use std::ops::Bound;
use std::sync::Arc;

use redb::ReadTransaction;

use super::schema::{
    ARCHIVE, COUNTERS, EXPIRIES, MESSAGES, MessageTable, NOTES, RETIRED, SEQUENCES, TALLIES, now,
};
use super::{MAX_ARCHIVE_BYTES, record};
use crate::clock::Millis;
use crate::message::{Mailbox, Message, Note, Position, Status};

/// A consistent view of the database.
pub(super) struct Snapshot(pub(super) ReadTransaction);

pub(super) type Read<T> = Result<T, redb::Error>;

impl Snapshot {
    /// The message at a position, live or archived.
    pub(super) fn message(&self, mailbox: &Mailbox, at: Position) -> Read<Option<Arc<Message>>> {
        for table in [MESSAGES, ARCHIVE] {
            let table = self.0.open_table(table)?;
            if let Some(bytes) = table.get((mailbox.as_str(), at.deliver_at.0, at.seq))? {
                return Ok(record::decode(mailbox, at, bytes.value()));
            }
        }
        Ok(None)
    }

    pub(super) fn status(&self, message: Arc<Message>) -> Read<Status> {
        let tally = self
            .0
            .open_table(TALLIES)?
            .get((message.mailbox.as_str(), message.seq))?;
        let (delivered_keys, acknowledged_keys, cancelled) =
            tally.map(|t| t.value()).unwrap_or_default();
        Ok(Status {
            message,
            cancelled,
            delivered_keys,
            acknowledged_keys,
            notes: Vec::new(),
        })
    }

    /// What happened to a message; notes that another release wrote in another way are left out.
    pub(super) fn notes(&self, message: &Message) -> Read<Vec<Note>> {
        let (name, seq) = (message.mailbox.as_str(), message.seq);
        let table = self.0.open_table(NOTES)?;
        let mut notes = Vec::new();
        for row in table.range((name, seq, 0)..=(name, seq, u32::MAX))? {
            notes.extend(serde_json::from_slice::<Note>(row?.1.value()).ok());
        }
        Ok(notes)
    }

    /// Up to `limit` of the unexpired messages in `range`, in order, as `pick` makes of them.
    pub(super) fn live<T>(
        &self,
        mailbox: &Mailbox,
        range: (Bound<Position>, Position),
        limit: usize,
        pick: impl Fn(Arc<Message>) -> Read<Option<T>>,
    ) -> Read<Vec<T>> {
        let key = |p: Position| (mailbox.as_str(), p.deliver_at.0, p.seq);
        let start = match range.0 {
            Bound::Unbounded => Bound::Included((mailbox.as_str(), i64::MIN, 0)),
            bound => bound.map(key),
        };
        let now = now();
        let mut found = Vec::new();
        for row in self
            .0
            .open_table(MESSAGES)?
            .range((start, Bound::Included(key(range.1))))?
        {
            let (key, bytes) = row?;
            if let Some(message) = record::decode(mailbox, position(key.value()), bytes.value())
                && message.expires_at > now
                && let Some(picked) = pick(message)?
            {
                found.push(picked);
                if found.len() == limit {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Live messages due after `after` and by `until`, in order.
    pub(super) fn due(
        &self,
        mailbox: &Mailbox,
        after: Millis,
        until: Millis,
    ) -> Read<Vec<Arc<Message>>> {
        let last = |deliver_at| Position {
            deliver_at,
            seq: u64::MAX,
        };
        let range = (Bound::Excluded(last(after)), last(until));
        self.live(mailbox, range, usize::MAX, |message| Ok(Some(message)))
    }

    /// Live messages that were stored after sequence number `seq`, in the order of storing.
    pub(super) fn stored_since(&self, mailbox: &Mailbox, seq: u64) -> Read<Vec<Arc<Message>>> {
        let (messages, now) = (self.0.open_table(MESSAGES)?, now());
        let mut found = Vec::new();
        let range = (mailbox.as_str(), seq.saturating_add(1))..=(mailbox.as_str(), u64::MAX);
        for row in self.0.open_table(SEQUENCES)?.range(range)? {
            let (key, deliver_at) = row?;
            let at = position((mailbox.as_str(), deliver_at.value(), key.value().1));
            let bytes = messages.get((mailbox.as_str(), at.deliver_at.0, at.seq))?;
            let message = bytes.and_then(|bytes| record::decode(mailbox, at, bytes.value()));
            found.extend(message.filter(|message| message.expires_at > now));
        }
        Ok(found)
    }

    /// The highest sequence number given so far.
    pub(super) fn last_seq(&self) -> Read<u64> {
        let counter = self.0.open_table(COUNTERS)?.get("seq")?;
        Ok(counter.map_or(0, |counter| counter.value()))
    }

    /// Whether there is something to retire or to forget.
    pub(super) fn has_expired(&self, now: Millis) -> Read<bool> {
        let end = (now.0.saturating_add(1), "", 0);
        for table in [EXPIRIES, RETIRED] {
            if self
                .0
                .open_table(table)?
                .range((i64::MIN, "", 0)..end)?
                .next()
                .is_some()
            {
                return Ok(true);
            }
        }
        Ok(self
            .0
            .open_table(COUNTERS)?
            .get("archived")?
            .is_some_and(|bytes| bytes.value() > MAX_ARCHIVE_BYTES))
    }

    /// Up to `limit` messages before `end`, the latest first, of one table.
    pub(super) fn latest(
        &self,
        table: MessageTable,
        mailbox: &Mailbox,
        end: Position,
        limit: usize,
    ) -> Read<Vec<Arc<Message>>> {
        let table = self.0.open_table(table)?;
        let end = (mailbox.as_str(), end.deliver_at.0, end.seq);
        let mut found = Vec::new();
        for row in table
            .range((mailbox.as_str(), i64::MIN, 0)..end)?
            .rev()
            .take(limit)
        {
            let (key, bytes) = row?;
            found.extend(record::decode(
                mailbox,
                position(key.value()),
                bytes.value(),
            ));
        }
        Ok(found)
    }
}

fn position((_, deliver_at, seq): (&str, i64, u64)) -> Position {
    Position {
        deliver_at: Millis(deliver_at),
        seq,
    }
}
