//! Engine.IO 4 and Socket.IO 5 packets, as text.
//!
//! <https://socket.io/docs/v4/engine-io-protocol/>, <https://socket.io/docs/v4/socket-io-protocol/>

use std::time::Duration;

use serde_json::Value;

use super::Error;

/// Between the packets of one polling body.
pub(crate) const SEPARATOR: char = '\x1e';

/// An Engine.IO packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// The handshake.
    Open(Handshake),
    /// The session is over.
    Close,
    /// Heartbeat, or with a text the probe of an upgrade.
    Ping(String),
    /// Its answer.
    Pong(String),
    /// Carries a Socket.IO packet.
    Message(Packet),
    /// The client goes on by the new transport.
    Upgrade,
    /// Nothing: ends a poll that waits.
    Noop,
}

/// What the server says when a session opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The session's id.
    pub sid: String,
    /// Transports to upgrade to.
    pub upgrades: Vec<String>,
    /// How often the server pings.
    pub ping_interval: Duration,
    /// How long it waits for a pong.
    pub ping_timeout: Duration,
    /// Bytes at most that the client may send at once, where the server says so.
    pub max_payload: Option<u64>,
}

/// A Socket.IO packet of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// Joins a namespace, or grants it.
    Connect {
        /// The namespace, with its slash.
        namespace: String,
        /// `auth` from the client; the socket's id from the server.
        data: Value,
    },
    /// Leaves a namespace, or is thrown out of it.
    Disconnect {
        /// The namespace.
        namespace: String,
    },
    /// An event.
    Event {
        /// The namespace.
        namespace: String,
        /// The number to acknowledge it by.
        id: Option<u64>,
        /// Name first, then arguments.
        data: Vec<Value>,
    },
    /// An acknowledgement.
    Ack {
        /// The namespace.
        namespace: String,
        /// The event's number.
        id: u64,
        /// Arguments.
        data: Vec<Value>,
    },
    /// The namespace was refused.
    ConnectError {
        /// The namespace.
        namespace: String,
        /// Why, as the server words it.
        message: String,
    },
}

impl Engine {
    /// Reads one packet.
    ///
    /// # Errors
    /// When it is not one, or binary.
    pub fn read(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Protocol(format!("{:?}", text.chars().take(80).collect::<String>()));
        let mut chars = text.chars();
        let kind = chars.next().ok_or_else(wrong)?;
        let rest = chars.as_str();
        Ok(match kind {
            '0' => Self::Open(handshake(rest).ok_or_else(wrong)?),
            '1' => Self::Close,
            '2' => Self::Ping(rest.to_owned()),
            '3' => Self::Pong(rest.to_owned()),
            '4' => Self::Message(packet(rest).ok_or_else(wrong)?),
            '5' => Self::Upgrade,
            '6' => Self::Noop,
            _ => return Err(wrong()),
        })
    }

    /// Writes one packet.
    #[must_use]
    pub fn write(&self) -> String {
        match self {
            // Clients never send one; written for completeness of the round trip.
            Self::Open(handshake) => format!("0{}", serde_json::json!({ "sid": handshake.sid })),
            Self::Close => "1".to_owned(),
            Self::Ping(text) => format!("2{text}"),
            Self::Pong(text) => format!("3{text}"),
            Self::Message(packet) => format!("4{}", packet.write()),
            Self::Upgrade => "5".to_owned(),
            Self::Noop => "6".to_owned(),
        }
    }
}

fn handshake(json: &str) -> Option<Handshake> {
    let value: Value = serde_json::from_str(json).ok()?;
    let millis = |name: &str| value.get(name)?.as_u64().map(Duration::from_millis);
    let upgrades = value.get("upgrades").and_then(Value::as_array);
    Some(Handshake {
        sid: value.get("sid")?.as_str()?.to_owned(),
        upgrades: upgrades
            .into_iter()
            .flatten()
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect(),
        ping_interval: millis("pingInterval")?,
        ping_timeout: millis("pingTimeout")?,
        max_payload: value.get("maxPayload").and_then(Value::as_u64),
    })
}

fn packet(text: &str) -> Option<Packet> {
    let kind = text.chars().next()?;
    let rest = &text[kind.len_utf8()..];
    let (namespace, rest) = match rest.strip_prefix('/') {
        Some(named) => {
            let (name, rest) = named.split_once(',').unwrap_or((named, ""));
            (format!("/{name}"), rest)
        }
        None => ("/".to_owned(), rest),
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (id, json) = rest.split_at(digits);
    let id = if id.is_empty() {
        None
    } else {
        Some(id.parse().ok()?)
    };
    let value = if json.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(json).ok()?
    };
    Some(match kind {
        '0' => Packet::Connect {
            namespace,
            data: value,
        },
        '1' => Packet::Disconnect { namespace },
        '2' => Packet::Event {
            namespace,
            id,
            data: array(value)?,
        },
        '3' => Packet::Ack {
            namespace,
            id: id?,
            data: array(value)?,
        },
        '4' => {
            let message = value
                .get("message")
                .and_then(Value::as_str)
                .map_or_else(|| value.to_string(), str::to_owned);
            Packet::ConnectError { namespace, message }
        }
        _ => return None,
    })
}

fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

impl Packet {
    fn write(&self) -> String {
        let (kind, namespace, id, data) = match self {
            Self::Connect { namespace, data } => (0, namespace, None, data.clone()),
            Self::Disconnect { namespace } => (1, namespace, None, Value::Null),
            Self::Event {
                namespace,
                id,
                data,
            } => (2, namespace, *id, Value::Array(data.clone())),
            Self::Ack {
                namespace,
                id,
                data,
            } => (3, namespace, Some(*id), Value::Array(data.clone())),
            Self::ConnectError { namespace, message } => (
                4,
                namespace,
                None,
                serde_json::json!({ "message": message }),
            ),
        };
        let namespace = if namespace == "/" {
            String::new()
        } else {
            format!("{namespace},")
        };
        let id = id.map(|id| id.to_string()).unwrap_or_default();
        let data = if data.is_null() {
            String::new()
        } else {
            data.to_string()
        };
        format!("{kind}{namespace}{id}{data}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_the_protocols_documentation_survive_a_round_trip() {
        for text in [
            "1",
            "2",
            "3",
            "2probe",
            "3probe",
            "5",
            "6",
            "40",
            "40/admin,",
            "40/admin,{\"sid\":\"x\"}",
            "41",
            "41/admin,",
            "42[\"foo\"]",
            "42/admin,[\"bar\",{\"a\":1}]",
            "4212[\"foo\"]",
            "42/admin,13[\"bar\"]",
            "4312[]",
            "43/admin,13[\"id\"]",
            "44/admin,{\"message\":\"Not authorized\"}",
        ] {
            assert_eq!(Engine::read(text).unwrap().write(), text);
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for text in [
            "",
            "7",
            "x",
            "0",
            "0{}",
            "4",
            "49",
            "42",
            "42{}",
            "43[]",
            "451-[\"a\",{\"_placeholder\":true}]",
            "é",
        ] {
            assert!(Engine::read(text).is_err(), "{text}");
        }
    }
}
