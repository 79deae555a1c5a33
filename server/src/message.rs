//! A message and its mailbox: what the store keeps, the API answers and the delivery emits.

use std::borrow::Borrow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::Millis;
use crate::receipts::KeyReceipt;

/// Where messages wait: one channel of a namespace, or everyone in a namespace.
///
/// Written `namespace/channel`, and `namespace/` for everyone; neither part can hold a slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mailbox(Arc<str>);

impl Mailbox {
    /// The mailbox of one channel.
    #[must_use]
    pub fn channel(namespace: &str, channel: &str) -> Self {
        Self(format!("{namespace}/{channel}").into())
    }

    /// The mailbox of everyone in a namespace.
    #[must_use]
    pub fn everyone(namespace: &str) -> Self {
        Self(format!("{namespace}/").into())
    }

    /// Where the sockets of one key are counted, in any namespace. No message waits there.
    #[must_use]
    pub fn of_key(id: &str) -> Self {
        Self(format!("#{id}").into())
    }

    /// The key's id of such a one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.strip_prefix('#')
    }

    /// The mailbox written as `namespace/channel`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The namespace, without a slash.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0
            .split_once('/')
            .map_or(&*self.0, |(namespace, _)| namespace)
    }

    /// The channel; none for everyone.
    #[must_use]
    pub fn channel_name(&self) -> Option<&str> {
        self.0
            .split_once('/')
            .map(|(_, channel)| channel)
            .filter(|channel| !channel.is_empty())
    }
}

impl From<&str> for Mailbox {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Borrow<str> for Mailbox {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message's place in its mailbox: by moment, then in the order in which the store took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// When the message is due.
    pub deliver_at: Millis,
    /// The store's sequence number, unique in a mailbox.
    pub seq: u64,
}

/// A message that the store has accepted.
#[derive(Debug)]
pub struct Message {
    /// Where it waits.
    pub mailbox: Mailbox,
    /// The publisher's id, or one that the server made; unique in the mailbox.
    pub id: String,
    /// The store's sequence number.
    pub seq: u64,
    /// The Socket.IO event.
    pub event: String,
    /// What the plugin gets, as the publisher wrote it.
    pub data: Box<RawValue>,
    /// When the store took it.
    pub created_at: Millis,
    /// When it is due.
    pub deliver_at: Millis,
    /// When it is no longer worth delivering.
    pub expires_at: Millis,
    /// SHA-256 of the body as sent, by which a repeated request is told from another one.
    pub digest: [u8; 32],
    /// The part of its packet that is the same for every socket; see `socketio::packet`.
    pub(crate) packet_body: OnceLock<String>,
}

impl Message {
    /// The message's place in its mailbox.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            deliver_at: self.deliver_at,
            seq: self.seq,
        }
    }
}

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not due yet.
    Scheduled,
    /// Due, and emitted to nobody yet.
    Pending,
    /// Emitted at least once.
    Delivered,
    /// Acknowledged by one key at least.
    Acknowledged,
    /// Past its time, acknowledged by nobody.
    Expired,
    /// Withdrawn before it was due.
    Cancelled,
}

/// What may happen to a message beside its ordinary life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// Sessions of the key ended on it twice; the key's other messages pass it.
    Poison,
    /// The key acknowledged it, but only after it had expired.
    AcknowledgedAfterExpiry,
    /// It was repeated as often as it may be on one socket; it comes again after a reconnect.
    GivenUp,
}

/// Something that happened to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When, by the store's clock.
    pub at: Millis,
    /// What.
    pub event: Happening,
    /// The id of the key that it concerns.
    pub key: Arc<str>,
}

/// A message with what the store has recorded of it.
#[derive(Clone, Debug)]
pub struct Status {
    /// The message.
    pub message: Arc<Message>,
    /// Whether it was withdrawn.
    pub cancelled: bool,
    /// The number of keys that it was emitted to.
    pub delivered_keys: u32,
    /// The number of keys that acknowledged it.
    pub acknowledged_keys: u32,
    /// What happened to it, the earliest first; read for a single message only.
    pub notes: Vec<Note>,
    /// What the first keys got of it, `MAX_RECEIPTS` at most; read for a single message only.
    pub receipts: Vec<KeyReceipt>,
}

impl Status {
    /// What has become of the message by `now`.
    #[must_use]
    pub fn state(&self, now: Millis) -> State {
        if self.cancelled {
            State::Cancelled
        } else if self.acknowledged_keys > 0 {
            State::Acknowledged
        } else if self.message.expires_at <= now {
            State::Expired
        } else if self.delivered_keys > 0 {
            State::Delivered
        } else if self.message.deliver_at > now {
            State::Scheduled
        } else {
            State::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_come_apart_again() {
        let channel = Mailbox::channel("dropcodes", "a.b:c-1");
        assert_eq!(channel.as_str(), "dropcodes/a.b:c-1");
        assert_eq!(
            (channel.namespace(), channel.channel_name()),
            ("dropcodes", Some("a.b:c-1"))
        );
        let everyone = Mailbox::everyone("dropcodes");
        assert_eq!(
            (everyone.namespace(), everyone.channel_name()),
            ("dropcodes", None)
        );
    }

    #[test]
    fn positions_sort_by_moment_then_sequence() {
        let at = |ms, seq| Position {
            deliver_at: Millis(ms),
            seq,
        };
        assert!(at(1, 9) < at(2, 1) && at(2, 1) < at(2, 2));
    }
}
