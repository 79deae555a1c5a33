//! The names that appear in paths, packets and logs: channels, message ids, namespaces, nodes, events.

/// What `is_name` accepts, for messages to people.
pub const EXPECTED: &str = "expected 1 to 128 of the characters A-Z a-z 0-9 . _ : -";

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

/// Whether `text` can name a channel, message, namespace or node.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
}

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
    fn names_stop_at_their_bounds() {
        for good in ["a", "streamer-42", "A.b_c:d-e", &"x".repeat(128)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a/b", "é", "a b", "a,b", &"x".repeat(129)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

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
