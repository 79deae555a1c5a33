//! One registered target: its health, what is under way to it, and its idle connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::event::Health;

/// A registered target. A target that leaves and comes back is a new one: its cookies do not
/// survive.
pub(crate) struct Target {
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
    health: Mutex<Health>,
    open: AtomicUsize,
    closed_one: Notify,
    idle: Mutex<Vec<Connection>>,
    /// Set when the deregistration delay has passed: everything still open is cut.
    pub(crate) gone: CancellationToken,
    retired: AtomicBool,
}

impl Target {
    pub(crate) fn new(id: u64, address: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            id,
            address,
            health: Mutex::new(Health::Initial),
            open: AtomicUsize::new(0),
            closed_one: Notify::new(),
            idle: Mutex::new(Vec::new()),
            gone: CancellationToken::new(),
            retired: AtomicBool::new(false),
        })
    }

    pub(crate) fn health(&self) -> Health {
        *lock(&self.health)
    }

    /// Sets the health unless the target is draining. If it changes, that is told before anybody
    /// can read it.
    pub(crate) fn set_health(&self, health: Health, tell: impl FnOnce()) {
        let mut current = lock(&self.health);
        if *current != health && *current != Health::Draining {
            *current = health;
            tell();
        }
    }

    /// No new requests from now on. Idle connections are of no more use.
    pub(crate) fn drain(&self) {
        *lock(&self.health) = Health::Draining;
        self.retired.store(true, Ordering::Relaxed);
        lock(&self.idle).clear();
    }

    /// Requests and WebSockets under way.
    pub(crate) fn outstanding(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts one request or WebSocket until the value is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Outstanding {
        self.open.fetch_add(1, Ordering::Relaxed);
        Outstanding(self.clone())
    }

    /// Ends when nothing is under way any more.
    pub(crate) async fn drained(&self) {
        loop {
            let closed = self.closed_one.notified();
            if self.outstanding() == 0 {
                return;
            }
            closed.await;
        }
    }

    pub(crate) fn cut(&self) {
        self.gone.cancel();
        lock(&self.idle).clear();
    }

    /// An idle connection that the target has not closed, as far as this side knows.
    pub(crate) fn reuse(&self) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        idle.retain(|connection| !connection.sender.is_closed());
        let ready = idle
            .iter()
            .rposition(|connection| connection.sender.is_ready())?;
        Some(idle.swap_remove(ready))
    }

    /// Gives a connection back, its last response possibly still on the way: it is ready once that
    /// has ended.
    pub(crate) fn give_back(&self, connection: Connection) {
        if !self.retired.load(Ordering::Relaxed) {
            lock(&self.idle).push(connection);
        }
    }
}

/// One request or WebSocket under way to a target.
pub(crate) struct Outstanding(Arc<Target>);

impl Drop for Outstanding {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.closed_one.notify_waiters();
    }
}

/// The state behind each lock is valid after any panic: plain values, set in one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
