//! What both sides of Engine.IO agree on: protocols, transports, packets and errors.
//! Source: <https://socket.io/docs/v4/engine-io-protocol/>, and for protocol 3
//! <https://github.com/socketio/engine.io-protocol/tree/v3>.

use std::time::Duration;

use serde_json::json;
use socketioxide_core::Sid;

/// How long an upgrade may take once the WebSocket is there: two packets there and back, on the
/// slowest network.
pub(super) const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// The version of Engine.IO that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Engine.IO 3, under Socket.IO 4 (client v2). The client pings.
    V3,
    /// Engine.IO 4, under Socket.IO 5 (clients v3 and v4). The server pings.
    V4,
}

impl Protocol {
    /// The Socket.IO protocol above it, as metrics and logs name it.
    #[must_use]
    pub fn socketio(self) -> &'static str {
        match self {
            Self::V3 => "4",
            Self::V4 => "5",
        }
    }
}

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Requests that wait for packets, and requests that bring some.
    Polling,
    /// A WebSocket.
    WebSocket,
}

impl Transport {
    /// The name in the query, in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

/// What holds for every session of a node.
#[derive(Clone, Debug)]
pub struct Config {
    /// From one heartbeat to the next.
    pub ping_interval: Duration,
    /// How long the answer to a heartbeat may take.
    pub ping_timeout: Duration,
    /// Bytes of one message or polling body of a client.
    pub max_payload: usize,
    /// Whether sessions may be carried by polling.
    pub polling: bool,
    /// Whether sessions may be carried by a WebSocket.
    pub websocket: bool,
}

impl Config {
    /// The packet that opens a session.
    pub(super) fn open_packet(&self, sid: Sid, transport: Transport) -> String {
        let upgrades: &[&str] = match transport {
            Transport::Polling if self.websocket => &["websocket"],
            _ => &[],
        };
        let open = json!({
            "sid": sid,
            "upgrades": upgrades,
            "pingInterval": self.ping_interval.as_millis() as u64,
            "pingTimeout": self.ping_timeout.as_millis() as u64,
            "maxPayload": self.max_payload,
        });
        format!("0{open}")
    }

    /// Whether new sessions may begin with this transport.
    #[must_use]
    pub fn allows(&self, transport: Transport) -> bool {
        match transport {
            Transport::Polling => self.polling,
            Transport::WebSocket => self.websocket,
        }
    }
}

/// Why a request is refused, with the numbers of `Server.errors` in `engine.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The query names no transport, or one that is none.
    #[error("Transport unknown")]
    UnknownTransport = 0,
    /// No session has this id: it has ended, or is another node's.
    #[error("Session ID unknown")]
    UnknownSession = 1,
    /// Only GET opens a session.
    #[error("Bad handshake method")]
    HandshakeMethod = 2,
    /// The request does not fit the session's state, or is malformed.
    #[error("Bad request")]
    BadRequest = 3,
    /// The query names a version that is not spoken.
    #[error("Unsupported protocol version")]
    UnsupportedProtocol = 5,
}

impl RequestError {
    /// The body of the answer.
    #[must_use]
    pub fn body(self) -> String {
        json!({ "code": self as u8, "message": self.to_string() }).to_string()
    }
}

/// A packet that a client has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    Close,
    Ping(&'a str),
    Pong,
    Message(&'a str),
    Upgrade,
    Noop,
}

impl<'a> Packet<'a> {
    /// Reads a packet; none if it is malformed, or one that only servers send.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (kind, data) = text.split_at_checked(1)?;
        Some(match kind {
            "1" => Self::Close,
            "2" => Self::Ping(data),
            "3" => Self::Pong,
            "4" => Self::Message(data),
            "5" => Self::Upgrade,
            "6" => Self::Noop,
            _ => return None,
        })
    }
}

/// What the server's packets begin with.
pub(super) const MESSAGE: &str = "4";
pub(super) const CLOSE: &str = "1";
pub(super) const PING: &str = "2";
pub(super) const PONG: &str = "3";
pub(super) const NOOP: &str = "6";
/// What both sides say to try a WebSocket.
pub(super) const PROBE: &str = "probe";
/// The answer to a probe.
pub(super) const PROBED: &str = "3probe";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_by_their_first_character() {
        for (text, packet) in [
            ("1", Packet::Close),
            ("2", Packet::Ping("")),
            ("2probe", Packet::Ping("probe")),
            ("3", Packet::Pong),
            ("4", Packet::Message("")),
            ("4é", Packet::Message("é")),
            ("5", Packet::Upgrade),
            ("6", Packet::Noop),
        ] {
            assert_eq!(Packet::read(text), Some(packet), "{text}");
        }
        for text in ["", "0", "7", "b", "é", " 4"] {
            assert_eq!(Packet::read(text), None, "{text}");
        }
    }

    #[test]
    fn errors_have_the_numbers_of_official_servers() {
        let body = RequestError::UnknownSession.body();
        assert_eq!(body, r#"{"code":1,"message":"Session ID unknown"}"#);
        assert_eq!(RequestError::UnsupportedProtocol as u8, 5);
    }
}
