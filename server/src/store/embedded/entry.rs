//! A message as the store has it, with what is known of it.

use std::sync::Arc;

use crate::clock::Millis;
use crate::message::{Message, Note, Status};
use crate::receipts::KeyReceipt;
use crate::store::{MAX_NOTES, MAX_RECEIPTS};

/// What a message takes beside its texts, with its places in the indexes, in bytes: reckoned from
/// the sizes of its parts.
const MESSAGE: u64 = 440;
/// What a note takes.
const NOTE: u64 = 96;
/// What is kept of a key's receipt.
const RECEIPT: u64 = 96;

/// A message with what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) message: Arc<Message>,
    /// Keys that it was emitted to, and that acknowledged it.
    pub(super) delivered: u32,
    pub(super) acknowledged: u32,
    pub(super) cancelled: bool,
    /// When it ended, if it has.
    pub(super) ended_at: Millis,
    /// Hardly any message has notes.
    #[expect(
        clippy::box_collection,
        reason = "a list takes 16 bytes more of every message"
    )]
    notes: Option<Box<Vec<Note>>>,
    /// What the first keys got of it.
    #[expect(
        clippy::box_collection,
        reason = "a list takes 16 bytes more of every message"
    )]
    receipts: Option<Box<Vec<KeyReceipt>>>,
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
        let counter = match (entry.delivered, entry.acknowledged) {
            (_, 1..) => &mut self.acknowledged,
            (1.., 0) => &mut self.delivered,
            (0, 0) => return,
        };
        *counter = if comes { *counter + 1 } else { *counter - 1 };
    }
}

impl Entry {
    pub(super) fn new(message: Arc<Message>) -> Self {
        Self {
            message,
            delivered: 0,
            acknowledged: 0,
            cancelled: false,
            ended_at: Millis(i64::MAX),
            notes: None,
            receipts: None,
        }
    }

    /// Bytes of memory.
    pub(super) fn size(&self) -> u64 {
        let message = &self.message;
        let texts = message.data.get().len() + message.id.len() + message.event.len();
        let receipts = RECEIPT * self.receipts().len() as u64;
        MESSAGE + texts as u64 + NOTE * self.notes().len() as u64 + receipts
    }

    /// Keeps what a key got, for the first keys. Returns the bytes that this takes.
    pub(super) fn keep(&mut self, receipt: &KeyReceipt) -> u64 {
        let receipts = self.receipts.get_or_insert_default();
        let mut known = receipts.iter_mut();
        if let Some(known) = known.find(|known| known.key == receipt.key) {
            known.merge(receipt);
            0
        } else if receipts.len() < MAX_RECEIPTS {
            receipts.push(receipt.clone());
            RECEIPT
        } else {
            0
        }
    }

    pub(super) fn receipts(&self) -> &[KeyReceipt] {
        self.receipts.as_ref().map_or(&[], |list| list.as_slice())
    }

    /// Notes what happened. Returns the bytes that this takes; 0 if it is known, or one too many.
    pub(super) fn note(&mut self, note: &Note) -> u64 {
        let notes = self.notes.get_or_insert_default();
        if notes.len() >= MAX_NOTES || notes.contains(note) {
            return 0;
        }
        notes.push(note.clone());
        NOTE
    }

    pub(super) fn notes(&self) -> &[Note] {
        self.notes.as_ref().map_or(&[], |notes| notes.as_slice())
    }

    pub(super) fn status(&self) -> Status {
        Status {
            message: self.message.clone(),
            cancelled: self.cancelled,
            delivered_keys: self.delivered,
            acknowledged_keys: self.acknowledged,
            notes: Vec::new(),
            receipts: Vec::new(),
        }
    }
}
