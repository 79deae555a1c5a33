//! What happened to a message, in the order of time, and what each of its first keys got.

use std::sync::Arc;

use serde::Serialize;

use crate::clock::Millis;
use crate::message::{Happening, Note, State, Status};
use crate::receipts::{KeyReceipt, Outcome};

/// Something that happened to a message.
#[derive(Serialize)]
pub(super) struct Entry {
    at: Millis,
    event: Event,
    /// The id of the key that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Arc<str>>,
    /// The node that emitted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Arc<str>>,
    /// What the plugin says it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Outcome>,
}

/// In the order in which they happen in the same millisecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    Stored,
    Due,
    Emitted,
    Poison,
    GivenUp,
    Acknowledged,
    Expired,
    AcknowledgedAfterExpiry,
}

impl From<Happening> for Event {
    fn from(happening: Happening) -> Self {
        match happening {
            Happening::Poison => Self::Poison,
            Happening::AcknowledgedAfterExpiry => Self::AcknowledgedAfterExpiry,
            Happening::GivenUp => Self::GivenUp,
        }
    }
}

/// What one key got of a message.
#[derive(Serialize)]
pub(super) struct ReceiptView {
    key: Arc<str>,
    node: Arc<str>,
    emitted_at: Option<Millis>,
    acknowledged_at: Option<Millis>,
    status: Stage,
}

/// How far it got.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Stage {
    Emitted(Emitted),
    Said(Outcome),
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Emitted {
    Emitted,
}

/// What happened to a message by `now`, the earliest first.
pub(super) fn of(status: &Status, now: Millis) -> Vec<Entry> {
    let message = &status.message;
    let mut entries = vec![plain(message.created_at, Event::Stored)];
    if message.deliver_at <= now && !status.cancelled {
        entries.push(plain(message.deliver_at, Event::Due));
    }
    if status.state(now) == State::Expired {
        entries.push(plain(message.expires_at, Event::Expired));
    }
    for KeyReceipt {
        key,
        node,
        emitted_at,
        acknowledged,
    } in &status.receipts
    {
        entries.extend(emitted_at.map(|at| Entry {
            key: Some(key.clone()),
            node: Some(node.clone()),
            ..plain(at, Event::Emitted)
        }));
        entries.extend(acknowledged.map(|(at, outcome)| Entry {
            key: Some(key.clone()),
            node: Some(node.clone()),
            status: Some(outcome),
            ..plain(at, Event::Acknowledged)
        }));
    }
    entries.extend(status.notes.iter().map(|note| Entry {
        key: Some(note.key.clone()),
        ..plain(note.at, note.event.into())
    }));
    entries.sort_by_key(|entry| (entry.at, entry.event));
    entries
}

fn plain(at: Millis, event: Event) -> Entry {
    Entry {
        at,
        event,
        key: None,
        node: None,
        status: None,
    }
}

/// What each of the first keys got of a message by `now`.
pub(super) fn receipts(status: &Status, now: Millis) -> Vec<ReceiptView> {
    let is_over = status.message.expires_at <= now;
    let view = |receipt: &KeyReceipt| {
        let late = |note: &&Note| {
            note.event == Happening::AcknowledgedAfterExpiry && note.key == receipt.key
        };
        let late = status.notes.iter().find(late).map(|note| note.at);
        let (at, outcome) = receipt.acknowledged.unzip();
        ReceiptView {
            key: receipt.key.clone(),
            node: receipt.node.clone(),
            emitted_at: receipt.emitted_at,
            acknowledged_at: at.or(late),
            status: match outcome {
                Some(outcome) => Stage::Said(outcome),
                None if is_over => Stage::Said(Outcome::Expired),
                None => Stage::Emitted(Emitted::Emitted),
            },
        }
    };
    status.receipts.iter().map(view).collect()
}
