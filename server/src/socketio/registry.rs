//! The sessions of this node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::session::{Session, lock};
use crate::engine::{How, Sid};

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
