//! What a key got of a message: when, on which node, and what its plugin says it did with it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// What a plugin has done with a message that it acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It has the message; a bare acknowledgement says no more.
    Received,
    /// It has shown the message.
    Shown,
    /// It has passed the message over.
    Skipped,
    /// It could not show the message.
    Failed,
    /// The message was past its time when its turn came.
    Expired,
}

impl Outcome {
    /// Each with its name, and the letter by which stores write it.
    const ALL: [(Self, &'static str, char); 5] = [
        (Self::Received, "received", 'r'),
        (Self::Shown, "shown", 's'),
        (Self::Skipped, "skipped", 'k'),
        (Self::Failed, "failed", 'f'),
        (Self::Expired, "expired", 'e'),
    ];

    /// The outcome of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known, _)| *known == name);
        found.map(|(outcome, ..)| *outcome)
    }

    /// Its name, as plugins and backends write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(outcome, ..)| *outcome == self);
        found.map_or("received", |(_, name, _)| *name)
    }

    pub(crate) fn letter(self) -> char {
        let found = Self::ALL.iter().find(|(outcome, ..)| *outcome == self);
        found.map_or('r', |(.., letter)| *letter)
    }

    pub(crate) fn of_letter(letter: char) -> Option<Self> {
        let found = Self::ALL.iter().find(|(.., known)| *known == letter);
        found.map(|(outcome, ..)| *outcome)
    }
}

/// What one key got of a message. Times are the store's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReceipt {
    /// The id under which the key's receipts are kept.
    pub key: Arc<str>,
    /// The node that emitted the message to it.
    pub node: Arc<str>,
    /// When the message was emitted to it first; none if an acknowledgement is all that is known.
    pub emitted_at: Option<Millis>,
    /// When it acknowledged the message, and with which outcome.
    pub acknowledged: Option<(Millis, Outcome)>,
}

impl KeyReceipt {
    /// Adds what another receipt of the same key says. What is known stands.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.emitted_at = self.emitted_at.or(other.emitted_at);
        self.acknowledged = self.acknowledged.or(other.acknowledged);
    }
}
