//! The embedded store's operations on its tables, inside one write transaction.

use std::sync::Arc;

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::schema::{
    ARCHIVE, COUNTERS, EXPIRIES, IDS, KEYS, LOADS, MESSAGES, NOTES, RECEIPTS, RETIRED, SEQUENCES,
    TALLIES, now,
};
use super::{
    Announcement, Cancelled, Draft, Expired, MAX_ARCHIVE_BYTES, MAX_CHANNEL_BYTES,
    MAX_CHANNEL_MESSAGES, MAX_EVERYONE_MESSAGES, MAX_KEYS, MAX_NOTES, MAX_STORE_BYTES, Published,
    RETENTION, Receipt, record,
};
use crate::clock::Millis;
use crate::keys::KeyRecord;
use crate::message::{Mailbox, Message, Note, Position, Status};

pub(super) type Write<T> = Result<T, redb::Error>;

/// Every table of the store, open for writing.
pub(super) struct Tables<'txn> {
    messages: Table<'txn, (&'static str, i64, u64), &'static [u8]>,
    archive: Table<'txn, (&'static str, i64, u64), &'static [u8]>,
    ids: Table<'txn, (&'static str, &'static str), (i64, u64)>,
    sequences: Table<'txn, (&'static str, u64), i64>,
    tallies: Table<'txn, (&'static str, u64), (u32, u32, bool)>,
    receipts: Table<'txn, (&'static str, u64, &'static str), bool>,
    expiries: Table<'txn, (i64, &'static str, u64), i64>,
    retired: Table<'txn, (i64, &'static str, u64), i64>,
    loads: Table<'txn, &'static str, (u32, u64)>,
    counters: Table<'txn, &'static str, u64>,
    keys: Table<'txn, &'static str, &'static [u8]>,
    notes: Table<'txn, (&'static str, u64, u32), &'static [u8]>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction) -> Write<Self> {
        Ok(Self {
            messages: txn.open_table(MESSAGES)?,
            archive: txn.open_table(ARCHIVE)?,
            ids: txn.open_table(IDS)?,
            sequences: txn.open_table(SEQUENCES)?,
            tallies: txn.open_table(TALLIES)?,
            receipts: txn.open_table(RECEIPTS)?,
            expiries: txn.open_table(EXPIRIES)?,
            retired: txn.open_table(RETIRED)?,
            loads: txn.open_table(LOADS)?,
            counters: txn.open_table(COUNTERS)?,
            keys: txn.open_table(KEYS)?,
            notes: txn.open_table(NOTES)?,
        })
    }

    pub(super) fn publish(
        &mut self,
        draft: Draft,
        announced: &mut Vec<Announcement>,
    ) -> Write<Published> {
        let mailbox = draft.mailbox.clone();
        if let Some(known) = self.find(&mailbox, &draft.id)? {
            return Ok(match self.message(&mailbox, known)? {
                Some(message) if message.digest == draft.digest => {
                    Published::Repeated(self.status(message)?)
                }
                _ => Published::Conflict,
            });
        }
        if draft.expires_at <= draft.deliver_at {
            return Ok(Published::Expired);
        }
        let size = draft.data.get().len() as u64;
        if let Some(bound) = self.add_load(&mailbox, size)? {
            return Ok(Published::Full(bound));
        }
        let seq = self.counter("seq")? + 1;
        self.counters.insert("seq", seq)?;
        let message = Arc::new(Message {
            mailbox,
            id: draft.id,
            seq,
            event: draft.event,
            data: draft.data,
            created_at: draft.created_at,
            deliver_at: draft.deliver_at,
            expires_at: draft.expires_at,
            digest: draft.digest,
            packet_body: std::sync::OnceLock::new(),
        });
        let (name, due) = (message.mailbox.as_str(), message.deliver_at.0);
        let bytes = record::encode(&message).map_err(|error| redb::Error::Io(error.into()))?;
        self.messages.insert((name, due, seq), bytes.as_slice())?;
        self.ids.insert((name, message.id.as_str()), (due, seq))?;
        self.sequences.insert((name, seq), due)?;
        self.expiries
            .insert((message.expires_at.0, name, seq), due)?;
        announced.push(Announcement::Published(message.clone()));
        Ok(Published::Stored(Status {
            message,
            cancelled: false,
            delivered_keys: 0,
            acknowledged_keys: 0,
            notes: Vec::new(),
        }))
    }

    pub(super) fn cancel(
        &mut self,
        mailbox: &Mailbox,
        id: &str,
        announced: &mut Vec<Announcement>,
    ) -> Write<Cancelled> {
        let Some(at) = self.find(mailbox, id)? else {
            return Ok(Cancelled::Unknown);
        };
        let Some(message) = self.message(mailbox, at)? else {
            return Ok(Cancelled::Unknown);
        };
        let (delivered, acknowledged, cancelled) = self.tally(mailbox, at.seq)?;
        if cancelled {
            return Ok(Cancelled::Done);
        }
        if at.deliver_at <= now() {
            return Ok(Cancelled::TooLate);
        }
        self.tallies
            .insert((mailbox.as_str(), at.seq), (delivered, acknowledged, true))?;
        self.retire(&message)?;
        announced.push(Announcement::Cancelled(mailbox.clone(), at));
        Ok(Cancelled::Done)
    }

    pub(super) fn record(&mut self, receipt: &Receipt) -> Write<()> {
        let (mailbox, seq) = (&receipt.message.mailbox, receipt.message.seq);
        let name = mailbox.as_str();
        // A message forgotten meanwhile has no receipts any more.
        if self.sequences.get((name, seq))?.is_none() {
            return Ok(());
        }
        let row = (name, seq, &*receipt.key);
        let known = self
            .receipts
            .get(row)?
            .map(|acknowledged| acknowledged.value());
        if known.is_some_and(|acknowledged| acknowledged || !receipt.acknowledged) {
            return Ok(());
        }
        self.receipts.insert(row, receipt.acknowledged)?;
        let (mut delivered, mut acknowledged, cancelled) = self.tally(mailbox, seq)?;
        delivered += u32::from(known.is_none());
        acknowledged += u32::from(receipt.acknowledged);
        self.tallies
            .insert((name, seq), (delivered, acknowledged, cancelled))?;
        Ok(())
    }

    pub(super) fn note(&mut self, message: &Message, note: &Note) -> Write<()> {
        let (name, seq) = (message.mailbox.as_str(), message.seq);
        if self.sequences.get((name, seq))?.is_none() {
            return Ok(());
        }
        let row = |number| (name, seq, number);
        let known = self.notes.range(row(0)..=row(u32::MAX))?.count();
        if known < MAX_NOTES {
            let json = serde_json::to_vec(note).map_err(|error| redb::Error::Io(error.into()))?;
            self.notes.insert(
                row(u32::try_from(known).unwrap_or(u32::MAX)),
                json.as_slice(),
            )?;
        }
        Ok(())
    }

    pub(super) fn expire(&mut self, now: Millis, limit: usize) -> Write<Vec<Expired>> {
        let mut unacknowledged = Vec::new();
        for (mailbox, at, _) in first_rows(&self.expiries, now, limit)? {
            let Some(message) = self.message(&mailbox, at)? else {
                continue;
            };
            let (delivered_keys, acknowledged_keys, _) = self.tally(&mailbox, at.seq)?;
            self.retire(&message)?;
            if acknowledged_keys == 0 {
                unacknowledged.push(Expired {
                    mailbox,
                    id: message.id.clone(),
                    delivered_keys,
                });
            }
        }
        for (mailbox, at, moment) in first_rows(&self.retired, now, limit)? {
            self.forget(&mailbox, at, moment)?;
        }
        for (mailbox, at, moment) in first_rows(&self.retired, Millis(i64::MAX), limit)? {
            if self.counter("archived")? <= MAX_ARCHIVE_BYTES {
                break;
            }
            self.forget(&mailbox, at, moment)?;
        }
        Ok(unacknowledged)
    }

    /// Deletes a key; false when there is none.
    pub(super) fn revoke_key(
        &mut self,
        id: String,
        announced: &mut Vec<Announcement>,
    ) -> Write<bool> {
        let existed = self.keys.remove(id.as_str())?.is_some();
        if existed {
            announced.push(Announcement::Revoked(id.into()));
        }
        Ok(existed)
    }

    /// Moves a message out of the way of deliveries; what became of it stays known for a while.
    fn retire(&mut self, message: &Message) -> Write<()> {
        let (name, at) = (message.mailbox.as_str(), message.position());
        let bytes = self
            .messages
            .remove((name, at.deliver_at.0, at.seq))?
            .map(|bytes| bytes.value().to_vec());
        if let Some(bytes) = bytes {
            self.archive
                .insert((name, at.deliver_at.0, at.seq), bytes.as_slice())?;
            self.expiries.remove((message.expires_at.0, name, at.seq))?;
            self.retired.insert(
                (now().0.saturating_add(RETENTION), name, at.seq),
                at.deliver_at.0,
            )?;
            self.drop_load(name, message.data.get().len() as u64)?;
            self.counters.insert(
                "archived",
                self.counter("archived")? + archived_size(message),
            )?;
        }
        Ok(())
    }

    fn forget(&mut self, mailbox: &Mailbox, at: Position, moment: i64) -> Write<()> {
        let name = mailbox.as_str();
        if let Some(message) = self.message(mailbox, at)? {
            self.ids.remove((name, message.id.as_str()))?;
            let left = self
                .counter("archived")?
                .saturating_sub(archived_size(&message));
            self.counters.insert("archived", left)?;
        }
        self.archive.remove((name, at.deliver_at.0, at.seq))?;
        self.sequences.remove((name, at.seq))?;
        self.tallies.remove((name, at.seq))?;
        self.retired.remove((moment, name, at.seq))?;
        self.notes
            .retain_in((name, at.seq, 0)..=(name, at.seq, u32::MAX), |_, _| false)?;
        // Key ids are ASCII letters and digits: these two bound them all.
        self.receipts
            .retain_in((name, at.seq, "")..=(name, at.seq, "~"), |_, _| false)?;
        Ok(())
    }

    pub(super) fn put_key(&mut self, key: &KeyRecord) -> Write<bool> {
        if self.keys.len()? >= MAX_KEYS {
            return Ok(false);
        }
        let json = serde_json::to_vec(key).map_err(|error| redb::Error::Io(error.into()))?;
        self.keys.insert(&*key.id, json.as_slice())?;
        Ok(true)
    }

    /// Counts a message in; returns the bound that it would pass, if any.
    fn add_load(&mut self, mailbox: &Mailbox, size: u64) -> Write<Option<&'static str>> {
        let (messages, bytes) = self
            .loads
            .get(mailbox.as_str())?
            .map(|l| l.value())
            .unwrap_or_default();
        let total = self.counter("bytes")?;
        let most = if mailbox.channel_name().is_some() {
            MAX_CHANNEL_MESSAGES
        } else {
            MAX_EVERYONE_MESSAGES
        };
        if messages >= most {
            return Ok(Some("the number of live messages in this mailbox"));
        } else if bytes + size > MAX_CHANNEL_BYTES {
            return Ok(Some("the size of live messages in this mailbox"));
        } else if total + size > MAX_STORE_BYTES {
            return Ok(Some("the size of all live messages in the store"));
        }
        self.loads
            .insert(mailbox.as_str(), (messages + 1, bytes + size))?;
        self.counters.insert("bytes", total + size)?;
        Ok(None)
    }

    fn drop_load(&mut self, name: &str, size: u64) -> Write<()> {
        let (messages, bytes) = self
            .loads
            .get(name)?
            .map(|load| load.value())
            .unwrap_or_default();
        if messages <= 1 {
            self.loads.remove(name)?;
        } else {
            self.loads
                .insert(name, (messages - 1, bytes.saturating_sub(size)))?;
        }
        let total = self.counter("bytes")?;
        self.counters.insert("bytes", total.saturating_sub(size))?;
        Ok(())
    }

    fn find(&self, mailbox: &Mailbox, id: &str) -> Write<Option<Position>> {
        let at = self.ids.get((mailbox.as_str(), id))?.map(|at| at.value());
        Ok(at.map(|(deliver_at, seq)| Position {
            deliver_at: Millis(deliver_at),
            seq,
        }))
    }

    fn message(&self, mailbox: &Mailbox, at: Position) -> Write<Option<Arc<Message>>> {
        let row = (mailbox.as_str(), at.deliver_at.0, at.seq);
        let bytes = match self.messages.get(row)? {
            None => self.archive.get(row)?,
            live => live,
        };
        Ok(bytes.and_then(|bytes| record::decode(mailbox, at, bytes.value())))
    }

    fn status(&self, message: Arc<Message>) -> Write<Status> {
        let (delivered_keys, acknowledged_keys, cancelled) =
            self.tally(&message.mailbox, message.seq)?;
        Ok(Status {
            message,
            cancelled,
            delivered_keys,
            acknowledged_keys,
            notes: Vec::new(),
        })
    }

    fn tally(&self, mailbox: &Mailbox, seq: u64) -> Write<(u32, u32, bool)> {
        Ok(self
            .tallies
            .get((mailbox.as_str(), seq))?
            .map(|tally| tally.value())
            .unwrap_or_default())
    }

    fn counter(&self, name: &str) -> Write<u64> {
        Ok(self
            .counters
            .get(name)?
            .map_or(0, |counter| counter.value()))
    }
}

/// What an ended message takes: its data, and about this much around it.
fn archived_size(message: &Message) -> u64 {
    message.data.get().len() as u64 + 512
}

/// The first `limit` rows of a table by moment whose moment has come, with that moment.
fn first_rows(
    table: &Table<'_, (i64, &'static str, u64), i64>,
    now: Millis,
    limit: usize,
) -> Write<Vec<(Mailbox, Position, i64)>> {
    let mut rows = Vec::new();
    for row in table
        .range((i64::MIN, "", 0)..(now.0.saturating_add(1), "", 0))?
        .take(limit)
    {
        let (key, deliver_at) = row?;
        let (moment, name, seq) = key.value();
        rows.push((
            Mailbox::from(name),
            Position {
                deliver_at: Millis(deliver_at.value()),
                seq,
            },
            moment,
        ));
    }
    Ok(rows)
}
