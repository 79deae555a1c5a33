//! The official clients, each in every way it can connect: the cases of the tests with real
//! clients.

use crate::harness::Options;

const POLLING: &[&str] = &["polling"];
const WEBSOCKET: &[&str] = &["websocket"];
const UPGRADE: &[&str] = &["polling", "websocket"];
/// Libraries of protocol 4.
const PROTOCOL_4: [&str; 2] = ["v2", "python4"];

/// A client library, its transports, and where its key goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) library: &'static str,
    pub(crate) transports: &'static [&'static str],
    /// The key goes as a header of the handshake, not as `auth`.
    pub(crate) by_header: bool,
}

impl Way {
    /// Every way of every client. Protocol 4 has no `auth`.
    pub(crate) fn all() -> Vec<Self> {
        let mut ways = Vec::new();
        for library in ["v4", "v3", "v2", "python"] {
            for transports in [POLLING, WEBSOCKET, UPGRADE] {
                for by_header in [true, false] {
                    if by_header || !PROTOCOL_4.contains(&library) {
                        ways.push(Self {
                            library,
                            transports,
                            by_header,
                        });
                    }
                }
            }
        }
        ways
    }

    /// python-socketio 4 on each transport. It is old, and not among the official clients of today.
    pub(crate) fn python4() -> [Self; 3] {
        [POLLING, WEBSOCKET, UPGRADE].map(|transports| Self {
            library: "python4",
            transports,
            by_header: true,
        })
    }

    /// Every client on every transport, with the key where the client can put it.
    pub(crate) fn transports() -> Vec<Self> {
        Self::all()
            .into_iter()
            .filter(|way| way.by_header == PROTOCOL_4.contains(&way.library))
            .collect()
    }

    /// Every client that starts on polling and moves to a WebSocket.
    pub(crate) fn upgrades() -> Vec<Self> {
        Self::transports()
            .into_iter()
            .filter(|way| way.transports == UPGRADE)
            .collect()
    }

    /// The client's configuration with this key.
    pub(crate) fn options(&self, key: &str) -> Options {
        let options = Options::new(key)
            .library(self.library)
            .transports(self.transports);
        if self.by_header {
            options.by_header()
        } else {
            options
        }
    }

    /// A name that can stand for a channel.
    pub(crate) fn name(&self) -> String {
        let key = if self.by_header { "header" } else { "auth" };
        format!("{}-{}-{key}", self.library, self.transports.join("-"))
    }

    /// The transport that it ends up on.
    pub(crate) fn transport(&self) -> &'static str {
        self.transports[self.transports.len() - 1]
    }

    /// The Socket.IO protocol that it speaks.
    pub(crate) fn protocol(&self) -> &'static str {
        if PROTOCOL_4.contains(&self.library) {
            "4"
        } else {
            "5"
        }
    }
}
