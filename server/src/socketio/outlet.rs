//! Where delivery meets Socket.IO: one socket of a session, as a subscriber writes to it.

use std::sync::Arc;

use tokio::time::Instant;

use super::packet;
use super::session::Session;
use crate::delivery::{Emission, Outlet};
use crate::engine::{How, Transport};
use crate::keys::ClientInfo;

/// A session's socket in one namespace, as delivery sees it.
pub(super) struct SocketOutlet {
    pub(super) session: Arc<Session>,
    pub(super) namespace: String,
}

impl Outlet for SocketOutlet {
    fn emit(&self, emission: &Emission<'_>) -> bool {
        let engine = &self.session.engine;
        let emitted = packet::with_event(emission, |parts| engine.send(parts));
        if emitted {
            engine.allowance.expect_reply();
        }
        emitted
    }

    fn client_info(&self) -> ClientInfo {
        let engine = &self.session.engine;
        ClientInfo {
            network: self.session.client.network(),
            transport: engine.transport().name().to_owned(),
            protocol: engine.protocol.socketio().to_string(),
        }
    }

    fn is_polling(&self) -> bool {
        self.session.engine.transport() == Transport::Polling
    }

    fn last_heard(&self) -> Instant {
        self.session.engine.last_heard()
    }

    fn probe(&self) {
        self.session.engine.ping();
    }

    fn cut_silent_client(&self) {
        tracing::info!(
            connection = self.session.name,
            "cutting a client that does not answer: its process or network is stalled"
        );
        self.session.engine.close(How::Cut, "silent");
    }

    fn dismiss(&self) {
        self.session.dismiss(&self.namespace, "key_ended");
    }
}
