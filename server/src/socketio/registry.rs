//! The sessions of this node.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engineioxide::sid::Sid;
use tokio::time::Instant;

use super::session::{Session, lock};
use crate::metrics::{Metrics, SocketLabels};

/// Every session of this node.
#[derive(Default)]
pub struct Sessions {
    all: Mutex<HashMap<Sid, Arc<Session>>>,
    unjoined: AtomicUsize,
}

impl Sessions {
    pub(super) fn add(&self, session: &Arc<Session>) {
        lock(&self.all).insert(session.id, session.clone());
        self.unjoined.fetch_add(1, Ordering::Relaxed);
        session.metrics.sessions.inc();
    }

    /// Notes that a session has joined its first namespace.
    pub(super) fn joined(&self) {
        self.unjoined.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, id: Sid) -> Option<Arc<Session>> {
        let session = lock(&self.all).remove(&id)?;
        session.metrics.sessions.dec();
        // A join under way may be about to count it as joined: only one of the two may.
        if !session.has_joined.swap(true, Ordering::AcqRel) {
            self.unjoined.fetch_sub(1, Ordering::Relaxed);
        }
        Some(session)
    }

    /// The session with this id.
    #[must_use]
    pub fn get(&self, id: &Sid) -> Option<Arc<Session>> {
        lock(&self.all).get(id).cloned()
    }

    /// Sessions that have joined no namespace yet.
    #[must_use]
    pub fn unjoined(&self) -> usize {
        self.unjoined.load(Ordering::Relaxed)
    }

    /// Every session.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Session>> {
        lock(&self.all).values().cloned().collect()
    }

    /// Counts the sockets for `/metrics`: here, because a session changes its transport without a word.
    pub fn count(&self, metrics: &Metrics) {
        let mut counts: HashMap<SocketLabels, i64> = HashMap::new();
        for session in self.list() {
            for joined in lock(&session.sockets).iter().flatten() {
                *counts.entry(session.labels(&joined.namespace)).or_default() += 1;
            }
        }
        metrics.sockets.clear();
        for (labels, count) in counts {
            metrics.sockets.get_or_create(&labels).set(count);
        }
    }

    /// Ends all sessions, spread evenly over `spread`, so that their clients do not come back all at once.
    pub async fn drain(&self, spread: Duration) {
        let sessions = self.list();
        let start = Instant::now();
        let total = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
        for (index, session) in (0u32..).zip(&sessions) {
            tokio::time::sleep_until(start + spread * index / total.max(1)).await;
            session.close("draining");
        }
    }
}
