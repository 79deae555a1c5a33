//! How messages are written in the embedded store: a byte of format version, then JSON.
//!
//! During a deploy two releases share a store: a record of a version that this one does not know is
//! left alone.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::Millis;
use crate::message::{Mailbox, Message, Position};

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct MessageRecord<'a> {
    id: &'a str,
    event: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
    created_at: i64,
    expires_at: i64,
    digest: [u8; 32],
}

/// The message as it is stored; mailbox and position are the record's key.
pub(super) fn encode(message: &Message) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(
        &mut bytes,
        &MessageRecord {
            id: &message.id,
            event: message.event.as_str().into(),
            data: &message.data,
            created_at: message.created_at.0,
            expires_at: message.expires_at.0,
            digest: message.digest,
        },
    )?;
    Ok(bytes)
}

/// The message of a record; none when another release wrote it in a way that this one does not
/// know.
pub(super) fn decode(mailbox: &Mailbox, at: Position, bytes: &[u8]) -> Option<Arc<Message>> {
    let (VERSION, json) = bytes
        .split_first()
        .map(|(version, json)| (*version, json))?
    else {
        return None;
    };
    let record: MessageRecord<'_> = serde_json::from_slice(json).ok()?;
    Some(Arc::new(Message {
        mailbox: mailbox.clone(),
        id: record.id.to_owned(),
        seq: at.seq,
        event: record.event.into_owned(),
        data: record.data.to_owned(),
        created_at: Millis(record.created_at),
        deliver_at: at.deliver_at,
        expires_at: Millis(record.expires_at),
        digest: record.digest,
        packet_body: OnceLock::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            mailbox: Mailbox::channel("n", "c"),
            id: "a".into(),
            seq: 7,
            event: "say \"hi\"".into(),
            data: RawValue::from_string(r#"{"big":12345678901234567890.10,"é":"\u00e9"}"#.into())
                .unwrap(),
            created_at: Millis(1),
            deliver_at: Millis(2),
            expires_at: Millis(3),
            digest: [9; 32],
            packet_body: OnceLock::new(),
        }
    }

    #[test]
    fn a_message_comes_back_as_it_was_written() {
        let message = message();
        let back = decode(
            &message.mailbox,
            message.position(),
            &encode(&message).unwrap(),
        )
        .unwrap();
        assert_eq!(format!("{message:?}"), format!("{back:?}"));
    }

    #[test]
    fn another_version_is_left_alone() {
        let message = message();
        let mut bytes = encode(&message).unwrap();
        bytes[0] = VERSION + 1;
        assert!(decode(&message.mailbox, message.position(), &bytes).is_none());
        assert!(decode(&message.mailbox, message.position(), &[]).is_none());
    }
}
