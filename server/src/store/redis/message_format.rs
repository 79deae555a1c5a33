//! How a message is written in Redis: a line whose head the scripts read (see `lua/prelude.lua`),
//! then JSON.
//!
//! `A seq deliver_at expires_at size digest {json}`. The letter is the format's version: during a
//! deploy two releases share the store, and a line of a version that this one does not know is left
//! alone.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::Millis;
use crate::message::{Mailbox, Message};

const VERSION: &str = "A";

/// The part of a message that scripts only pass on.
#[derive(Serialize, Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    created_at: i64,
    /// See `seal`. Older releases write none, and pass over it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    seal: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The whole line of a message that has its sequence number.
pub(super) fn encode(message: &Message, seal: Option<String>) -> String {
    let size = message.data.get().len();
    let body = Body {
        id: message.id.as_str().into(),
        event: message.event.as_str().into(),
        created_at: message.created_at.0,
        seal: seal.map(Cow::Owned),
        data: &message.data,
    };
    // Strings, numbers and JSON can always be written.
    let json = serde_json::to_string(&body).unwrap_or_default();
    format!(
        "{VERSION} {} {} {} {size} {} {json}",
        message.seq,
        message.deliver_at.0,
        message.expires_at.0,
        hex(&message.digest),
    )
}

/// The message of a line; none when another release wrote it in a way that this one does not know.
pub(super) fn decode(mailbox: &Mailbox, line: &[u8]) -> Option<Arc<Message>> {
    decode_sealed(mailbox, line).map(|(message, _)| message)
}

/// The same with the message's seal, if it has one.
pub(super) fn decode_sealed(
    mailbox: &Mailbox,
    line: &[u8],
) -> Option<(Arc<Message>, Option<String>)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut parts = line.splitn(7, ' ');
    if parts.next()? != VERSION {
        return None;
    }
    let seq = parts.next()?.parse().ok()?;
    let deliver_at = Millis(parts.next()?.parse().ok()?);
    let expires_at = Millis(parts.next()?.parse().ok()?);
    let _size = parts.next()?;
    let digest = unhex(parts.next()?)?;
    let body: Body<'_> = serde_json::from_str(parts.next()?).ok()?;
    let message = Message {
        mailbox: mailbox.clone(),
        id: body.id.into_owned(),
        seq,
        event: body.event.into_owned(),
        data: body.data.to_owned(),
        created_at: Millis(body.created_at),
        deliver_at,
        expires_at,
        digest,
        packet_body: OnceLock::new(),
    };
    Some((Arc::new(message), body.seal.map(Cow::into_owned)))
}

/// Hexadecimal digits, as the head of a line has them.
pub(super) fn hex(bytes: &[u8; 32]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            mailbox: Mailbox::channel("n", "c"),
            id: "a".into(),
            seq: 7,
            event: "say \"hi\" é".into(),
            data: RawValue::from_string(
                "{\"big\":12345678901234567890.10, \n\"é\":\"\\u00e9\"}".into(),
            )
            .unwrap(),
            created_at: Millis(1),
            deliver_at: Millis(-2),
            expires_at: Millis(3),
            digest: std::array::from_fn(|n| n as u8 * 8),
            packet_body: OnceLock::new(),
        }
    }

    #[test]
    fn a_message_comes_back_as_it_was_written() {
        let message = message();
        for seal in [None, Some("5ea1".to_owned())] {
            let line = encode(&message, seal.clone());
            let back = decode_sealed(&message.mailbox, line.as_bytes()).unwrap();
            assert_eq!(format!("{message:?}"), format!("{:?}", back.0));
            assert_eq!(seal, back.1);
        }
    }

    #[test]
    fn what_another_release_wrote_is_left_alone() {
        let line = encode(&message(), None);
        let mailbox = Mailbox::channel("n", "c");
        for other in [
            line.replacen('A', "B", 1),
            "A 7".into(),
            String::new(),
            line.replace("{", "["),
        ] {
            assert!(decode(&mailbox, other.as_bytes()).is_none(), "{other}");
        }
    }
}
