//! The sessions of this node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::session::{Session, lock};
use crate::engine::{How, Sid};
use crate::metrics::{Metrics, SocketLabels};

/// Every session of this node.
#[derive(Default)]
pub struct Sessions {
    all: Mutex<HashMap<Sid, Arc<Session>>>,
}

impl Sessions {
    pub(super) fn add(&self, session: &Arc<Session>) {
        lock(&self.all).insert(session.engine.id, session.clone());
        session.metrics.sessions.inc();
    }

    pub(super) fn remove(&self, id: Sid) -> Option<Arc<Session>> {
        let session = lock(&self.all).remove(&id)?;
        session.metrics.sessions.dec();
        Some(session)
    }

    /// The session with this id.
    #[must_use]
    pub fn get(&self, id: &Sid) -> Option<Arc<Session>> {
        lock(&self.all).get(id).cloned()
    }

    /// Every session.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Session>> {
        lock(&self.all).values().cloned().collect()
    }

    /// Counts the sockets for `/metrics`: here, because a session changes its transport without a
    /// word.
    pub fn count(&self, metrics: &Metrics) {
        // A few kinds among thousands of sessions: a list is searched without making labels anew for
        // each of them.
        let mut counts: Vec<(SocketLabels, i64)> = Vec::new();
        for session in self.list() {
            let sockets = lock(&session.sockets);
            if sockets.as_ref().is_none_or(Vec::is_empty) {
                continue;
            }
            let transport = session.engine.transport().name();
            let protocol = session.engine.protocol.socketio();
            for joined in sockets.iter().flatten() {
                let kind = counts.iter_mut().find(|(kind, _)| {
                    (kind.transport, kind.protocol) == (transport, protocol)
                        && kind.namespace == joined.namespace
                });
                match kind {
                    Some((_, count)) => *count += 1,
                    None => counts.push((session.labels(&joined.namespace), 1)),
                }
            }
        }
        metrics.sockets.clear();
        for (labels, count) in counts {
            metrics.sockets.get_or_create(&labels).set(count);
        }
    }

    /// Ends all sessions, spread evenly over `spread`, so that their clients do not come back all
    /// at once. A client that takes `moved` is told in the first half, and has half of `spread`
    /// for its next connection.
    pub async fn drain(&self, spread: Duration) {
        let start = Instant::now();
        let (told, others): (Vec<_>, Vec<_>) = self.list().into_iter().partition(|s| s.takes_moved);
        let half = spread / 2;
        let close = |session: &Session| session.engine.close(How::Moved, "draining");
        tokio::join!(
            evenly(&others, start, spread, close),
            evenly(&told, start, half, Session::tell_moved),
            evenly(&told, start + half, half, close),
        );
    }
}

/// Does something with each session in turn, evenly over `spread` from `start` on, and waits for
/// none that has ended.
async fn evenly(
    sessions: &[Arc<Session>],
    start: Instant,
    spread: Duration,
    act: impl Fn(&Session),
) {
    let total = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
    for (index, session) in (0u32..).zip(sessions) {
        if !session.has_ended() {
            tokio::time::sleep_until(start + spread * index / total.max(1)).await;
            act(session);
        }
    }
}
