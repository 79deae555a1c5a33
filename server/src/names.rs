//! Names of events. Those of channels, messages, namespaces and nodes are
//! [`timeouts::grammar::is_name`]'s.

pub use timeouts::grammar::{NAME_EXPECTED as EXPECTED, is_name};

/// Events that Socket.IO keeps for itself; a client library never hands them to the application.
/// Source: socket.io-client, `RESERVED_EVENTS`, and Node's EventEmitter for servers.
const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// Events with which client v2 (protocol 4) reports on itself.
const RESERVED_EVENTS_V2: [&str; 10] = [
    "connect_timeout",
    "connecting",
    "error",
    "reconnect",
    "reconnect_attempt",
    "reconnect_failed",
    "reconnect_error",
    "reconnecting",
    "ping",
    "pong",
];

/// Why `text` cannot be an event; none if it can.
#[must_use]
pub fn event_mistake(text: &str) -> Option<&'static str> {
    if !(1..=128).contains(&text.len()) {
        Some("must be 1 to 128 bytes long")
    } else if RESERVED_EVENTS.contains(&text) || RESERVED_EVENTS_V2.contains(&text) {
        Some("is reserved by Socket.IO; a plugin would never see it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_clients_keep_for_themselves_are_refused() {
        assert_eq!(event_mistake("dropcode"), None);
        assert_eq!(event_mistake("é".repeat(64).as_str()), None);
        assert!(event_mistake("é".repeat(65).as_str()).is_some());
        for reserved in ["", "connect", "disconnect", "error", "newListener"] {
            assert!(event_mistake(reserved).is_some(), "{reserved}");
        }
    }
}
