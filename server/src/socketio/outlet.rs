//! Where delivery meets Socket.IO: one socket of a session, as a subscriber writes to it.

use std::sync::Arc;

use tokio::time::Instant;

use super::packet;
use super::session::{Session, lock};
use crate::delivery::{Emission, Outlet};

/// A session's socket in one namespace, as delivery sees it.
pub(super) struct SocketOutlet {
    pub(super) session: Arc<Session>,
    pub(super) namespace: String,
}

impl Outlet for SocketOutlet {
    fn emit(&self, emission: &Emission<'_>) -> bool {
        let packet = packet::event(&self.namespace, emission);
        let emitted = self.session.engine.emit(packet).is_ok();
        if emitted {
            self.session.allowance.expect_reply();
        }
        emitted
    }

    fn is_polling(&self) -> bool {
        self.session.is_polling()
    }

    fn last_heard(&self) -> Instant {
        let request = *lock(&self.session.last_request);
        if self.is_polling() {
            request
        } else {
            request.max(lock(&self.session.link).last_heard())
        }
    }

    fn probe(&self) {
        if !self.is_polling() {
            lock(&self.session.link).ping();
        }
    }

    fn cut_slow_reader(&self) {
        tracing::info!(
            connection = self.session.name,
            "cutting a client that does not answer: its process or network is stalled"
        );
        self.session.cut("silent");
    }

    fn dismiss(&self) {
        self.session.dismiss(&self.namespace, "key_ended");
    }
}
