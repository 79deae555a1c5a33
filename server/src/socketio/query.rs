//! The query of a request to the Socket.IO path.

use crate::engine::{Protocol, RequestError, Sid, Transport};

/// The parts of the query that matter here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// One that is malformed is one that no session has.
    pub(super) sid: Option<Sid>,
    pub(super) protocol: Protocol,
    pub(super) transport: Transport,
    /// Whether the client opens its next connection when it gets `moved`, before this one ends.
    pub(super) takes_moved: bool,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// It names no version or transport that is spoken here.
    pub(super) fn read(text: &str) -> Result<Self, RequestError> {
        let value = |name| {
            let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value)
        };
        let transport = match value("transport") {
            Some("polling") => Transport::Polling,
            Some("websocket") => Transport::WebSocket,
            _ => return Err(RequestError::UnknownTransport),
        };
        let protocol = match value("EIO") {
            Some("3") => Protocol::V3,
            Some("4") => Protocol::V4,
            _ => return Err(RequestError::UnsupportedProtocol),
        };
        Ok(Self {
            sid: value("sid").map(|sid| sid.parse().unwrap_or(Sid::ZERO)),
            protocol,
            transport,
            takes_moved: value("moved") == Some("1"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_in_any_order() {
        assert_eq!(
            Query::read("sid=AAAAAAAAAAAAAAAB&t=1&transport=websocket&EIO=3"),
            Ok(Query {
                sid: "AAAAAAAAAAAAAAAB".parse().ok(),
                protocol: Protocol::V3,
                transport: Transport::WebSocket,
                takes_moved: false,
            })
        );
        let moved = Query::read("moved=1&EIO=4&transport=polling").unwrap();
        assert!(moved.takes_moved);
        // An empty id is one that nobody has, not a wish for a new session.
        let empty = Query::read("EIO=4&transport=polling&sid=").unwrap();
        assert_eq!(empty.sid, Some(Sid::ZERO));
        assert_eq!(Query::read("EIO=4&transport=polling").unwrap().sid, None);
    }

    #[test]
    fn what_is_not_spoken_is_refused() {
        for (query, error) in [
            ("", RequestError::UnknownTransport),
            ("EIO=4", RequestError::UnknownTransport),
            ("EIO=4&transport=pigeon", RequestError::UnknownTransport),
            ("transport=polling", RequestError::UnsupportedProtocol),
            ("EIO=2&transport=polling", RequestError::UnsupportedProtocol),
        ] {
            assert_eq!(Query::read(query), Err(error), "{query}");
        }
    }
}
