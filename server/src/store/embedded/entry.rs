//! A message as the store has it, with what is known of it.

use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use crate::clock::Millis;
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::receipts::KeyReceipt;
use crate::store::{MAX_NOTES, MAX_RECEIPTS};

/// What a message takes beside its texts, with its places in the indexes and what has become of it,
/// in bytes: reckoned from the sizes of its parts.
const MESSAGE: u64 = 380;
/// What a note takes.
const NOTE: u64 = 96;
/// What is kept of a key's receipt.
const RECEIPT: u64 = 96;

/// A message with what is known of it. Its place, and the name of its mailbox, are with its owner:
/// a million of them are live.
#[derive(Debug)]
pub(super) struct Entry {
    created_at: Millis,
    pub(super) expires_at: Millis,
    pub(super) digest: [u8; 32],
    /// The id, then the event.
    names: Box<str>,
    id_length: usize,
    data: Box<RawValue>,
    progress: Option<Box<Progress>>,
}

/// What has become of a message, once something has.
#[derive(Debug)]
struct Progress {
    /// Keys that it was emitted to, and that acknowledged it.
    delivered: u32,
    acknowledged: u32,
    cancelled: bool,
    /// When it ended, if it has.
    ended_at: Millis,
    notes: Vec<Note>,
    /// What the first keys got of it.
    receipts: Vec<KeyReceipt>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            delivered: 0,
            acknowledged: 0,
            cancelled: false,
            ended_at: Millis(i64::MAX),
            notes: Vec::new(),
            receipts: Vec::new(),
        }
    }
}

/// Live messages that a key has acknowledged, and that were only shown.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) acknowledged: u64,
    pub(super) delivered: u64,
}

impl Counts {
    /// Counts a live message in or out.
    pub(super) fn count(&mut self, entry: &Entry, comes: bool) {
        let counter = match (entry.delivered(), entry.acknowledged()) {
            (_, 1..) => &mut self.acknowledged,
            (1.., 0) => &mut self.delivered,
            (0, 0) => return,
        };
        *counter = if comes { *counter + 1 } else { *counter - 1 };
    }
}

impl Entry {
    pub(super) fn new(message: &Message) -> Self {
        Self {
            created_at: message.created_at,
            expires_at: message.expires_at,
            digest: message.digest,
            names: [&*message.id, &*message.event].concat().into(),
            id_length: message.id.len(),
            data: message.data.clone(),
            progress: None,
        }
    }

    /// The message, which is at this place.
    pub(super) fn message(&self, mailbox: &Mailbox, at: Position) -> Arc<Message> {
        let (id, event) = self.names.split_at(self.id_length);
        Arc::new(Message {
            mailbox: mailbox.clone(),
            id: id.into(),
            seq: at.seq,
            event: event.into(),
            data: self.data.clone(),
            created_at: self.created_at,
            deliver_at: at.deliver_at,
            expires_at: self.expires_at,
            digest: self.digest,
            packet_body: OnceLock::new(),
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.names[..self.id_length]
    }

    /// Bytes of `data`.
    pub(super) fn data_size(&self) -> u64 {
        self.data.get().len() as u64
    }

    /// Bytes of memory.
    pub(super) fn size(&self) -> u64 {
        let receipts = RECEIPT * self.receipts().len() as u64;
        let notes = NOTE * self.notes().len() as u64;
        MESSAGE + self.names.len() as u64 + self.data_size() + notes + receipts
    }

    /// Keys that it was emitted to.
    pub(super) fn delivered(&self) -> u32 {
        self.progress
            .as_ref()
            .map_or(0, |progress| progress.delivered)
    }

    /// Keys that acknowledged it.
    pub(super) fn acknowledged(&self) -> u32 {
        let progress = self.progress.as_ref();
        progress.map_or(0, |progress| progress.acknowledged)
    }

    /// Sets both.
    pub(super) fn set_counts(&mut self, delivered: u32, acknowledged: u32) {
        let progress = self.progress.get_or_insert_default();
        (progress.delivered, progress.acknowledged) = (delivered, acknowledged);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.progress.as_ref().is_some_and(|known| known.cancelled)
    }

    /// When it ended.
    pub(super) fn ended_at(&self) -> Millis {
        let progress = self.progress.as_ref();
        progress.map_or(Millis(i64::MAX), |progress| progress.ended_at)
    }

    /// Notes that it has ended.
    pub(super) fn end(&mut self, when: Millis, cancelled: bool) {
        let progress = self.progress.get_or_insert_default();
        (progress.ended_at, progress.cancelled) = (when, cancelled);
    }

    /// Keeps what a key got, for the first keys. Returns the bytes that this takes.
    pub(super) fn keep(&mut self, receipt: &KeyReceipt) -> u64 {
        let receipts = &mut self.progress.get_or_insert_default().receipts;
        let mut known = receipts.iter_mut();
        if let Some(known) = known.find(|known| known.key == receipt.key) {
            known.merge(receipt);
            0
        } else if receipts.len() < MAX_RECEIPTS {
            // Most messages go to one or two keys.
            receipts.reserve_exact(1);
            receipts.push(receipt.clone());
            RECEIPT
        } else {
            0
        }
    }

    pub(super) fn receipts(&self) -> &[KeyReceipt] {
        let progress = self.progress.as_ref();
        progress.map_or(&[], |progress| &progress.receipts)
    }

    /// Notes what happened. Returns the bytes that this takes; 0 if it is known, or one too many.
    pub(super) fn note(&mut self, note: &Note) -> u64 {
        let notes = &mut self.progress.get_or_insert_default().notes;
        if notes.len() >= MAX_NOTES || notes.contains(note) {
            return 0;
        }
        notes.push(note.clone());
        NOTE
    }

    pub(super) fn notes(&self) -> &[Note] {
        self.progress
            .as_ref()
            .map_or(&[], |progress| &progress.notes)
    }

    /// The message, which is at this place, with the counts of what is known of it.
    pub(super) fn status(&self, mailbox: &Mailbox, at: Position) -> Status {
        Status {
            message: self.message(mailbox, at),
            cancelled: self.is_cancelled(),
            delivered_keys: self.delivered(),
            acknowledged_keys: self.acknowledged(),
            notes: Vec::new(),
            receipts: Vec::new(),
        }
    }
}
