//! What changes the store, one thing at a time: carried out in memory, and written to the journal
//! where there is one.

use std::sync::Arc;

use super::reader::Stretch;
use crate::clock::Millis;
use crate::keys::KeyRecord;
use crate::message::{Mailbox, Message, Note, Position};
use crate::receipts::KeyReceipt;

/// One change of the store.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// A message was stored.
    Stored(Arc<Message>),
    /// A message has ended at this moment: it has expired, or was cancelled.
    Ended {
        mailbox: Mailbox,
        at: Position,
        when: Millis,
        cancelled: bool,
    },
    /// A message was shown to a key, or acknowledged by it.
    Receipt {
        mailbox: Mailbox,
        at: Position,
        receipt: KeyReceipt,
    },
    /// Something happened to a message.
    Noted {
        mailbox: Mailbox,
        at: Position,
        note: Note,
    },
    /// A key was issued.
    Key(Box<KeyRecord>),
    /// A key was revoked.
    Revoked(Arc<str>),
    /// How many keys a message was shown to, and acknowledged by; in snapshots alone.
    Counts {
        mailbox: Mailbox,
        at: Position,
        delivered: u32,
        acknowledged: u32,
    },
    /// What one of a message's first keys got of it; in snapshots alone.
    Kept {
        mailbox: Mailbox,
        at: Position,
        receipt: KeyReceipt,
    },
    /// What a key has settled and was shown; in snapshots alone.
    Reader {
        mailbox: Mailbox,
        key: Arc<str>,
        settled: Vec<Stretch>,
        shown: Vec<Position>,
    },
    /// The last sequence number that was given; in snapshots alone.
    Seq(u64),
}
