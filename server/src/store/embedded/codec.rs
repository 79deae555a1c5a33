//! How changes are written in the journal: a byte that says which, then its fields; texts with
//! their length before them, numbers little-endian.
//!
//! A change of a kind that this release does not know ends a reading: a later release has written
//! it.

use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use super::change::Change;
use crate::clock::Millis;
use crate::message::{Mailbox, Message, Position};
use crate::receipts::{KeyReceipt, Outcome};

/// Stands for a time that there is not.
const NEVER: Millis = Millis(i64::MIN);

/// A receipt of which only the key is known: no node has this name.
pub(super) fn untimed(key: &str, acknowledged: bool) -> KeyReceipt {
    KeyReceipt {
        key: key.into(),
        node: "".into(),
        emitted_at: None,
        acknowledged: acknowledged.then_some((NEVER, Outcome::Received)),
    }
}

/// Appends a change.
pub(super) fn encode(change: &Change, out: &mut Vec<u8>) {
    match change {
        Change::Stored(message) => {
            out.push(b'S');
            put_text(out, message.mailbox.as_str());
            put_position(out, message.position());
            put_number(out, message.created_at.0);
            put_number(out, message.expires_at.0);
            out.extend(message.digest);
            put_text(out, &message.id);
            put_text(out, &message.event);
            put_text(out, message.data.get());
        }
        Change::Ended {
            mailbox,
            at,
            when,
            cancelled,
        } => {
            put_place(out, if *cancelled { b'C' } else { b'E' }, mailbox, *at);
            put_number(out, when.0);
        }
        Change::Receipt {
            mailbox,
            at,
            receipt,
        } => {
            put_place(out, b'G', mailbox, *at);
            put_receipt(out, receipt);
        }
        Change::Kept {
            mailbox,
            at,
            receipt,
        } => {
            put_place(out, b'W', mailbox, *at);
            put_receipt(out, receipt);
        }
        Change::Noted { mailbox, at, note } => {
            put_place(out, b'N', mailbox, *at);
            put_json(out, note);
        }
        Change::Key(key) => {
            out.push(b'K');
            put_json(out, key);
        }
        Change::Revoked(id) => {
            out.push(b'R');
            put_text(out, id);
        }
        Change::Counts {
            mailbox,
            at,
            delivered,
            acknowledged,
        } => {
            put_place(out, b'T', mailbox, *at);
            out.extend(delivered.to_le_bytes());
            out.extend(acknowledged.to_le_bytes());
        }
        Change::Reader {
            mailbox,
            key,
            settled,
            shown,
        } => {
            out.push(b'P');
            put_text(out, mailbox.as_str());
            put_text(out, key);
            put_length(out, settled.len());
            for (first, last) in settled {
                put_position(out, *first);
                put_position(out, *last);
            }
            put_length(out, shown.len());
            shown.iter().for_each(|at| put_position(out, *at));
        }
        Change::Seq(seq) => {
            out.push(b'Q');
            out.extend(seq.to_le_bytes());
        }
    }
}

fn put_place(out: &mut Vec<u8>, kind: u8, mailbox: &Mailbox, at: Position) {
    out.push(kind);
    put_text(out, mailbox.as_str());
    put_position(out, at);
}

fn put_receipt(out: &mut Vec<u8>, receipt: &KeyReceipt) {
    put_text(out, &receipt.key);
    put_text(out, &receipt.node);
    put_number(out, receipt.emitted_at.unwrap_or(NEVER).0);
    match receipt.acknowledged {
        Some((at, outcome)) => {
            put_number(out, at.0);
            // Each is an ASCII letter.
            out.push(outcome.letter() as u8);
        }
        None => {
            put_number(out, NEVER.0);
            out.push(b'-');
        }
    }
}

fn put_position(out: &mut Vec<u8>, at: Position) {
    put_number(out, at.deliver_at.0);
    out.extend(at.seq.to_le_bytes());
}

fn put_number(out: &mut Vec<u8>, number: i64) {
    out.extend(number.to_le_bytes());
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    // Nothing that is kept comes near 4 GiB.
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend(text.as_bytes());
}

fn put_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Records of texts and numbers can always be written.
    put_text(out, &serde_json::to_string(value).unwrap_or_default());
}

/// Reads changes one after the other.
pub(super) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next change; none at the end, or where it cannot be read.
    pub(super) fn next(&mut self) -> Option<Change> {
        let [kind] = self.array()?;
        Some(match kind {
            b'S' => Change::Stored(Arc::new(self.message()?)),
            b'E' | b'C' => Change::Ended {
                mailbox: self.mailbox()?,
                at: self.position()?,
                when: Millis(self.number()?),
                cancelled: kind == b'C',
            },
            // Of an earlier build, without times.
            b'A' | b'D' => Change::Receipt {
                mailbox: self.mailbox()?,
                at: self.position()?,
                receipt: untimed(self.text()?, kind == b'A'),
            },
            b'G' => Change::Receipt {
                mailbox: self.mailbox()?,
                at: self.position()?,
                receipt: self.receipt()?,
            },
            b'W' => Change::Kept {
                mailbox: self.mailbox()?,
                at: self.position()?,
                receipt: self.receipt()?,
            },
            b'N' => Change::Noted {
                mailbox: self.mailbox()?,
                at: self.position()?,
                note: serde_json::from_str(self.text()?).ok()?,
            },
            b'K' => Change::Key(serde_json::from_str(self.text()?).ok()?),
            b'R' => Change::Revoked(self.text()?.into()),
            b'T' => Change::Counts {
                mailbox: self.mailbox()?,
                at: self.position()?,
                delivered: u32::from_le_bytes(self.array()?),
                acknowledged: u32::from_le_bytes(self.array()?),
            },
            b'P' => Change::Reader {
                mailbox: self.mailbox()?,
                key: self.text()?.into(),
                settled: self.list(|decoder| Some((decoder.position()?, decoder.position()?)))?,
                shown: self.list(Self::position)?,
            },
            b'Q' => Change::Seq(u64::from_le_bytes(self.array()?)),
            _ => return None,
        })
    }

    fn message(&mut self) -> Option<Message> {
        let (mailbox, at) = (self.mailbox()?, self.position()?);
        Some(Message {
            mailbox,
            seq: at.seq,
            deliver_at: at.deliver_at,
            created_at: Millis(self.number()?),
            expires_at: Millis(self.number()?),
            digest: self.array()?,
            id: self.text()?.to_owned(),
            event: self.text()?.to_owned(),
            data: RawValue::from_string(self.text()?.to_owned()).ok()?,
            packet_body: OnceLock::new(),
        })
    }

    fn receipt(&mut self) -> Option<KeyReceipt> {
        let (key, node) = (self.text()?.into(), self.text()?.into());
        let emitted_at = Millis(self.number()?);
        let (at, [letter]) = (Millis(self.number()?), self.array()?);
        Some(KeyReceipt {
            key,
            node,
            emitted_at: (emitted_at != NEVER).then_some(emitted_at),
            acknowledged: Outcome::of_letter(letter.into()).map(|outcome| (at, outcome)),
        })
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = u32::from_le_bytes(self.array()?);
        (0..length).map(|_| item(self)).collect()
    }

    fn mailbox(&mut self) -> Option<Mailbox> {
        self.text().map(Mailbox::from)
    }

    fn position(&mut self) -> Option<Position> {
        Some(Position {
            deliver_at: Millis(self.number()?),
            seq: u64::from_le_bytes(self.array()?),
        })
    }

    fn number(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}
