//! The bodies of polling: several packets in one text.

use std::fmt::Write as _;

use super::protocol::Protocol;

/// What stands between two packets of protocol 4.
const SEPARATOR: char = '\x1e';

/// Adds a packet to a payload: what stands in front of its data, and the data's parts.
pub(super) fn push(protocol: Protocol, payload: &mut String, front: &str, parts: &[&str]) {
    match protocol {
        Protocol::V4 => {
            if !payload.is_empty() {
                payload.push(SEPARATOR);
            }
        }
        Protocol::V3 => {
            let data: usize = parts.iter().map(|part| part.encode_utf16().count()).sum();
            let units = front.len() + data;
            // Writing to a string cannot fail.
            let _ = write!(payload, "{units}:");
        }
    }
    payload.push_str(front);
    parts.iter().for_each(|part| payload.push_str(part));
}

/// The packets of a payload, in order. None where it is malformed, which ends the reading.
pub(super) fn packets(protocol: Protocol, mut payload: &str) -> impl Iterator<Item = Option<&str>> {
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let split = match protocol {
            Protocol::V4 => Some(payload.split_once(SEPARATOR).unwrap_or((payload, ""))),
            Protocol::V3 => measured(payload),
        };
        let Some((packet, rest)) = split else {
            done = true;
            return Some(None);
        };
        // A separator at the end announces one more packet, which is empty and no packet.
        done = match protocol {
            Protocol::V4 => packet.len() == payload.len(),
            Protocol::V3 => rest.is_empty(),
        };
        payload = rest;
        Some(Some(packet))
    })
}

/// The packets of a body, in order. None where it is malformed or holds a binary packet, which ends
/// the reading. python-engineio 3 sends texts in the binary form of protocol 3.
pub(super) fn read<'a>(
    protocol: Protocol,
    body: &'a [u8],
) -> Box<dyn Iterator<Item = Option<&'a str>> + Send + 'a> {
    match (protocol, std::str::from_utf8(body)) {
        (Protocol::V3, _) if body.first() == Some(&TEXT) => Box::new(texts(body)),
        (_, Ok(text)) => Box::new(packets(protocol, text)),
        (_, Err(_)) => Box::new(std::iter::once(None)),
    }
}

/// What the binary form begins a text with, and ends its length with.
const TEXT: u8 = 0;
const END_OF_LENGTH: u8 = 255;

/// The packets of a payload in binary form: their kind, their length in bytes as decimal digits,
/// and the bytes. Source: `encodePayloadAsBinary` of engine.io-parser 2.
fn texts(mut body: &[u8]) -> impl Iterator<Item = Option<&str>> + Send {
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let split = text(body);
        body = split.map_or(&[], |(_, rest)| rest);
        Some(split.map(|(text, _)| text))
    })
}

fn text(body: &[u8]) -> Option<(&str, &[u8])> {
    let (digits, rest) = body.strip_prefix(&[TEXT])?.split_at(
        body.iter()
            .skip(1)
            .position(|byte| *byte == END_OF_LENGTH)?,
    );
    let length = digits.iter().try_fold(0_usize, |length, digit| {
        let digit = usize::from(*digit);
        let length = length.checked_mul(10)?.checked_add(digit)?;
        (digit < 10).then_some(length)
    })?;
    let (text, rest) = rest[1..].split_at_checked(length)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

/// A packet with its length in front, in UTF-16 units as JavaScript counts, and what follows it.
fn measured(payload: &str) -> Option<(&str, &str)> {
    let (length, rest) = payload.split_once(':')?;
    if length.is_empty() || !length.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut left = length.parse::<usize>().ok()?;
    for (at, character) in rest.char_indices() {
        if left == 0 {
            return Some(rest.split_at(at));
        }
        left = left.checked_sub(character.len_utf16())?;
    }
    (left == 0).then_some((rest, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(protocol: Protocol, payload: &str) -> Vec<Option<&str>> {
        packets(protocol, payload).collect()
    }

    #[test]
    fn packets_of_protocol_4_have_separators_between_them() {
        let read = |payload| all(Protocol::V4, payload);
        assert_eq!(read("4a"), [Some("4a")]);
        assert_eq!(read("4a\x1e3\x1e4é"), [Some("4a"), Some("3"), Some("4é")]);
        assert_eq!(read(""), [Some("")]);
        assert_eq!(read("3\x1e"), [Some("3"), Some("")]);
    }

    #[test]
    fn packets_of_protocol_3_have_their_length_in_front() {
        let read = |payload| all(Protocol::V3, payload);
        assert_eq!(read("2:4a1:2"), [Some("4a"), Some("2")]);
        assert_eq!(read("4:4é😀"), [Some("4é😀")]);
        for malformed in [
            "",
            "x",
            ":4",
            "-1:4",
            "+1:4",
            "2:4",
            "1:😀",
            "99999999999999999999:4",
        ] {
            assert_eq!(read(malformed), [None], "{malformed}");
        }
        assert_eq!(read("1:44:42"), [Some("4"), None]);
    }

    #[test]
    fn texts_of_protocol_3_may_come_in_binary_form() {
        let all = |body| read(Protocol::V3, body).collect::<Vec<_>>();
        assert_eq!(all(b"\x00\x01\xff2"), [Some("2")]);
        let long = [
            b"\x00\x01\x02\xff4".as_slice(),
            &[b'x'; 11],
            b"\x00\x03\xff4\xc3\xa9",
        ];
        let long = long.concat();
        assert_eq!(all(&long), [Some("4xxxxxxxxxxx"), Some("4é")]);
        for malformed in [
            b"\x00".as_slice(),
            b"\x00\x01\xff",
            b"\x00\x02\xff2",
            b"\x00\x0a\xff2",
            b"\x00\x01\xff\xff",
            b"\x01\x01\xff\x04",
            b"\x00\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff2",
            b"\xff",
        ] {
            assert_eq!(all(malformed), [None], "{malformed:?}");
        }
        assert_eq!(all(b"\x00\x01\xff2\x01\x01\xff4"), [Some("2"), None]);
        assert_eq!(
            read(Protocol::V4, b"\x00\x01\xff2").collect::<Vec<_>>(),
            [None]
        );
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_hang_or_panic(body in prop::collection::vec(0u8..12, 0..40)) {
            prop_assert!(read(Protocol::V3, &body).count() <= body.len() + 1);
        }

        #[test]
        fn what_is_written_is_read(texts in prop::collection::vec("[^\x1e]{1,20}", 1..6)) {
            for protocol in [Protocol::V3, Protocol::V4] {
                let mut payload = String::new();
                texts.iter().for_each(|text| push(protocol, &mut payload, "", &[text]));
                let read: Option<Vec<&str>> = packets(protocol, &payload).collect();
                prop_assert_eq!(read, Some(texts.iter().map(String::as_str).collect()));
            }
        }

        #[test]
        fn no_payload_makes_the_reader_hang_or_panic(payload in ".{0,60}|[0-9:4é😀\x1e]{0,40}") {
            for protocol in [Protocol::V3, Protocol::V4] {
                prop_assert!(packets(protocol, &payload).count() <= payload.len() + 1);
            }
        }
    }
}
