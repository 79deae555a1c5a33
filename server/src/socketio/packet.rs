//! Socket.IO packets, protocols 5 and 4: what clients send, and what the server answers.
//! Source: the Socket.IO protocol, <https://socket.io/docs/v4/socket-io-protocol/>.

use std::cell::RefCell;
use std::fmt::Write as _;

use serde_json::json;
use serde_json::value::RawValue;
use socketioxide_core::packet::PacketData;
use socketioxide_core::parser::{Parse, ParseConfig, ParserState};
use socketioxide_core::{Str, Value};
use socketioxide_parser_common::CommonParser;

use crate::clock::Millis;
use crate::delivery::Emission;
use crate::engine::Protocol;
use crate::message::Message;
use crate::receipts::Outcome;

/// What a client may send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// Wants to join, with this `auth`.
    Connect(Option<String>),
    /// Leaves the namespace.
    Disconnect,
    /// Acknowledges the event of this number: the message's id and what the plugin says it did, if
    /// the arguments say that.
    Acknowledgement(u64, Option<(String, Outcome)>),
    /// An event with these arguments (a JSON array, the event's name first), and the number to
    /// answer it by, if any.
    Event(String, Option<u64>),
}

/// Reads a packet; returns it with its namespace, without the slash in front.
/// None when it is malformed or binary, which no client of this server has reason to send.
pub(super) fn decode(text: &str) -> Option<(String, Incoming)> {
    let config = ParseConfig {
        max_incoming_binaries: 0,
        ..ParseConfig::default()
    };
    let packet = CommonParser
        .decode_str(&config, &ParserState::default(), Str::copy_from_slice(text))
        .ok()?;
    if !is_well_formed(&packet.inner) {
        return None;
    }
    let incoming = match packet.inner {
        PacketData::Connect(auth) => Incoming::Connect(auth.map(text_of)),
        PacketData::Disconnect => Incoming::Disconnect,
        PacketData::EventAck(arguments, number) => {
            let named = acknowledged(&text_of(arguments))?;
            Incoming::Acknowledgement(u64::try_from(number).ok()?, named)
        }
        PacketData::Event(arguments, number) => {
            let number = number.and_then(|number| u64::try_from(number).ok());
            Incoming::Event(text_of(arguments), number)
        }
        PacketData::BinaryEvent(..) | PacketData::BinaryAck(..) | PacketData::ConnectError(_) => {
            return None;
        }
    };
    Some((
        packet.ns.strip_prefix('/').unwrap_or(&packet.ns).to_owned(),
        incoming,
    ))
}

/// Whether an event's arguments are what the protocol allows: an array with its name in front.
fn is_well_formed(packet: &PacketData) -> bool {
    let PacketData::Event(arguments, _) = packet else {
        return true;
    };
    let Value::Str(arguments, _) = arguments else {
        return false;
    };
    let Ok(arguments) = serde_json::from_str::<Vec<&RawValue>>(arguments) else {
        return false;
    };
    // Source: isDataValid of socket.io-parser 4, which takes numbers for names too.
    let is_name = |first: &&RawValue| {
        let first = first.get();
        first.starts_with(|c: char| matches!(c, '"' | '-') || c.is_ascii_digit())
    };
    arguments.first().is_some_and(is_name)
}

fn text_of(value: Value) -> String {
    match value {
        Value::Str(text, _) => text.into(),
        Value::Bytes(_) => String::new(),
    }
}

/// The message id of an acknowledgement's arguments, if the first is a string, and what the plugin
/// says it did: the `status` of the second, as in `ack(id, { status: "shown" })`. The outer `None`:
/// they are no JSON array.
fn acknowledged(arguments: &str) -> Option<Option<(String, Outcome)>> {
    let arguments: Vec<serde_json::Value> = serde_json::from_str(arguments).ok()?;
    let id = arguments.first().and_then(serde_json::Value::as_str);
    Some(id.map(|id| (id.to_owned(), outcome(arguments.get(1)))))
}

/// The same of an event `ack`, which acknowledges on any session of the key.
pub(super) fn acknowledged_by_event(arguments: &str) -> Option<(String, Outcome)> {
    let arguments: Vec<serde_json::Value> = serde_json::from_str(arguments).ok()?;
    let (event, id) = (arguments.first()?.as_str()?, arguments.get(1)?.as_str()?);
    (event == "ack").then(|| (id.to_owned(), outcome(arguments.get(2))))
}

/// What a plugin says it did. A status that is not known is one of a later release: the message has
/// arrived, at least.
fn outcome(said: Option<&serde_json::Value>) -> Outcome {
    let status = said.and_then(|said| said.get("status")?.as_str());
    status.and_then(Outcome::of).unwrap_or(Outcome::Received)
}

/// The message id of an event `in_progress`: the client has the message and is not done with it.
pub(super) fn in_progress_by_event(arguments: &str) -> Option<String> {
    let (event, id): (String, String) = serde_json::from_str(arguments).ok()?;
    (event == "in_progress").then_some(id)
}

/// The key or token of an event `refresh`.
pub(super) fn refreshed_by_event(arguments: &str) -> Option<String> {
    let (event, shown): (String, String) = serde_json::from_str(arguments).ok()?;
    (event == "refresh").then_some(shown)
}

/// The answer to an event that asked for one: what has come of it.
pub(super) fn answer(namespace: &str, number: u64, outcome: &str) -> String {
    format!("3/{namespace},{number}[\"{outcome}\"]")
}

/// That the client has joined; `socket` is the socket's id.
pub(super) fn connected(protocol: Protocol, namespace: &str, socket: &str) -> String {
    match protocol {
        _ if namespace.is_empty() => format!("0{}", json!({ "sid": socket })),
        Protocol::V3 => format!("0/{namespace},"),
        Protocol::V4 => format!("0/{namespace},{}", json!({ "sid": socket })),
    }
}

/// That protocol 4 is in its root namespace, where every client of it begins.
pub(super) const CONNECTED_TO_ROOT: &str = "0";

/// That the client may not join, for good: it does not try again by itself.
pub(super) fn connect_error(
    protocol: Protocol,
    namespace: &str,
    code: &str,
    message: &str,
) -> String {
    match protocol {
        Protocol::V3 => format!("4/{namespace},{}", json!(message)),
        Protocol::V4 => {
            format!(
                "4/{namespace},{}",
                json!({ "message": message, "data": { "code": code } })
            )
        }
    }
}

/// That the server has put the client out of a namespace: it does not come back by itself.
pub(super) fn disconnect(namespace: &str) -> String {
    format!("1/{namespace},")
}

/// That the node leaves. A backend's event of this name carries a message.
pub(super) fn moved(namespace: &str) -> String {
    format!("2/{namespace},[\"moved\"]")
}

thread_local! {
    /// Where a worker writes what differs from socket to socket.
    static AROUND: RefCell<Around> = RefCell::default();
}

/// What stands around the body of an event.
#[derive(Default)]
struct Around {
    text: String,
    /// The latest moment, as it is written: sockets that are sent to in the same one share it.
    sent_at: Option<(Millis, String)>,
}

impl Around {
    /// Writes what differs from socket to socket. Returns where the part behind the body begins.
    fn write(&mut self, emission: &Emission<'_>) -> usize {
        let Self { text, sent_at } = self;
        let namespace = emission.message.mailbox.namespace();
        text.clear();
        // Writing to a string cannot fail.
        let _ = write!(text, "2/{namespace},");
        if let Some(number) = emission.number {
            let _ = write!(text, "{number}");
        }
        let back = text.len();
        if sent_at
            .as_ref()
            .is_none_or(|(at, _)| *at != emission.sent_at)
        {
            *sent_at = Some((emission.sent_at, emission.sent_at.to_string()));
        }
        let sent_at = sent_at.as_ref().map_or("", |(_, text)| text);
        let (expires_in, redelivered) = (emission.expires_in.as_millis(), emission.redelivered);
        let _ = write!(
            text,
            ",\"sent_at\":\"{sent_at}\",\"expires_in\":{expires_in},\"redelivered\":{redelivered}}}]",
        );
        back
    }
}

/// Calls `send` with the parts of a message as an event; what is the same for every socket is
/// encoded once.
pub(super) fn with_event<T>(emission: &Emission<'_>, send: impl FnOnce(&[&str]) -> T) -> T {
    let message = emission.message;
    let body = message.packet_body.get_or_init(|| body(message));
    AROUND.with_borrow_mut(|around| {
        let back = around.write(emission);
        let (front, back) = around.text.split_at(back);
        send(&[front, body, back])
    })
}

/// What is the same for every socket: `["event",data,{"id":…,"deliver_at":…,"expires_at":…`.
fn body(message: &Message) -> String {
    let event = json!(message.event);
    escape_astral(format!(
        "[{event},{},{{\"id\":\"{}\",\"deliver_at\":\"{}\",\"expires_at\":\"{}\"",
        message.data, message.id, message.deliver_at, message.expires_at,
    ))
}

/// Writes characters beyond the Basic Multilingual Plane as JSON escapes; they can stand in strings
/// only. Payloads of protocol 4 count UTF-16 units, and python-socketio 4 counts characters: it
/// would read the next packet one short.
fn escape_astral(json: String) -> String {
    const LAST_OF_BMP: char = '\u{ffff}';
    if json.chars().all(|c| c <= LAST_OF_BMP) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if c <= LAST_OF_BMP {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
