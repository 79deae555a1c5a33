//! One Engine.IO session, with the sockets that it has in namespaces.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::counted::Counted;
use super::handshake::Handshake;
use super::packet;
use crate::admission::{Client, Permit};
use crate::delivery::{Hub, Subscriber};
use crate::engine::{self, How, Upper};
use crate::keys::KeyRecord;
use crate::metrics::{Metrics, Reason, SocketLabels};

/// Packets beside acknowledgements that a client may send at once, and then each second.
const NOISE_BURST: NonZeroU32 = NonZeroU32::new(64).unwrap();
const NOISE_PER_SECOND: NonZeroU32 = NonZeroU32::new(1).unwrap();

/// How long a client that is sent away may take to go by itself. Its session stays that long, so
/// that the packet that tells it is not lost between two polls.
const FAREWELL: Duration = Duration::from_secs(1);

/// A session, as Socket.IO sees it.
pub struct Session {
    /// The session below.
    pub engine: Arc<engine::Session>,
    /// The session's name in logs: not its id, which would let a reader of the log take it over.
    pub name: String,
    /// The key of the handshake's header.
    pub header_key: Option<Arc<KeyRecord>>,
    /// None once the session has ended.
    pub(super) sockets: Mutex<Option<Vec<Joined>>>,
    /// Who opened the session.
    pub client: Client,
    /// The place that it takes.
    pub(super) place: Permit,
    /// Whether the client is told before its session is moved.
    pub(super) takes_moved: bool,
    has_joined: AtomicBool,
    noise: DefaultDirectRateLimiter,
    pub(super) metrics: Arc<Metrics>,
    hub: Arc<Hub>,
    owner: Arc<dyn Owner>,
}

/// Whoever has the sessions, and answers what their clients say.
pub(super) trait Owner: Send + Sync {
    /// A Socket.IO packet has arrived.
    fn receive(self: Arc<Self>, session: &Arc<Session>, packet: &str);
    /// The client of a session was refused something.
    fn refused(&self, session: &Session, reason: &'static str);
    /// A session has ended.
    fn forget(&self, session: &Session);
}

/// A socket of the session.
pub(super) struct Joined {
    pub(super) namespace: String,
    subscriber: Arc<Subscriber>,
    /// Sends the client away when its key expires.
    expiry: Option<AbortHandle>,
    /// The place that the socket takes.
    _place: Permit,
    counted: Counted,
}

impl Session {
    pub(super) fn new(
        engine: Arc<engine::Session>,
        handshake: Handshake,
        (hub, metrics): (Arc<Hub>, Arc<Metrics>),
        owner: Arc<dyn Owner>,
    ) -> Arc<Self> {
        Arc::new(Self {
            engine,
            name: ulid::Ulid::generate().to_string().to_lowercase(),
            header_key: handshake.key,
            client: handshake.client,
            place: handshake.place,
            sockets: Mutex::new(Some(Vec::new())),
            takes_moved: handshake.takes_moved,
            has_joined: AtomicBool::new(false),
            noise: RateLimiter::direct(
                Quota::per_second(NOISE_PER_SECOND).allow_burst(NOISE_BURST),
            ),
            metrics,
            hub,
            owner,
        })
    }

    /// Whether the client has sent more than it has reason to.
    pub(super) fn is_noisy(&self) -> bool {
        self.noise.check().is_err()
    }

    /// Sends a Socket.IO packet; one that the transport does not take is dropped.
    pub(super) fn send(&self, packet: &str) {
        // Too much waits: a reader that has stalled, which the clock on writes sees to.
        let _ = self.engine.send(&[packet]);
    }

    /// Tells a client that a socket of its is none any more, for good; after its last one the
    /// session ends.
    pub(super) fn dismiss(self: &Arc<Self>, namespace: &str, cause: &'static str) {
        let is_last = self.leave(namespace, cause);
        self.send(&packet::disconnect(namespace));
        if is_last {
            tokio::spawn(self.clone().close_deserted(cause));
        }
    }

    /// Closes a session that is still there after its last socket was dismissed.
    async fn close_deserted(self: Arc<Self>, cause: &'static str) {
        sleep(FAREWELL).await;
        if self.has_no_socket() {
            self.engine.close(How::Gone, cause);
        }
    }

    /// Tells the client that this node leaves: its next connection reaches another one.
    pub(super) fn tell_moved(&self) {
        for joined in lock(&self.sockets).iter().flatten() {
            self.send(&packet::moved(&joined.namespace));
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.sockets).is_none()
    }

    pub(super) fn has_no_socket(&self) -> bool {
        lock(&self.sockets).as_ref().is_some_and(Vec::is_empty)
    }

    /// The session's socket in a namespace.
    pub(super) fn socket(&self, namespace: &str) -> Option<Arc<Subscriber>> {
        let sockets = lock(&self.sockets);
        sockets
            .as_ref()?
            .iter()
            .find(|joined| joined.namespace == namespace)
            .map(|j| j.subscriber.clone())
    }

    /// Puts a socket into a namespace, telling the client with `reply` before anything else reaches
    /// it. None if the session has ended, or has joined it already; else whether it is the
    /// session's first.
    pub(super) fn join(
        &self,
        namespace: &str,
        subscriber: &Arc<Subscriber>,
        reply: &str,
        expiry: Option<AbortHandle>,
        place: Permit,
    ) -> Option<bool> {
        let mut guard = lock(&self.sockets);
        let Some(sockets) = guard
            .as_mut()
            .filter(|s| s.iter().all(|joined| joined.namespace != namespace))
        else {
            expiry.inspect(AbortHandle::abort);
            return None;
        };
        let first = !self.has_joined.swap(true, Ordering::Relaxed);
        let kind = self.labels(namespace);
        self.metrics.connects.get_or_create(&kind).inc();
        // Most sessions have one.
        sockets.reserve_exact(1);
        sockets.push(Joined {
            namespace: namespace.to_owned(),
            subscriber: subscriber.clone(),
            expiry,
            _place: place,
            counted: Counted::new(&self.metrics, &kind),
        });
        self.send(reply);
        // Under the lock: the end of the session finds the socket on the hub, or comes before it.
        self.hub.join(subscriber);
        Some(first)
    }

    /// Puts another end to a socket in the place of the one that it had.
    pub(super) fn replace_expiry(&self, subscriber: &Arc<Subscriber>, expiry: Option<AbortHandle>) {
        let mut guard = lock(&self.sockets);
        let mut sockets = guard.iter_mut().flatten();
        let is_it = |joined: &&mut Joined| Arc::ptr_eq(&joined.subscriber, subscriber);
        let before = match sockets.find(is_it) {
            Some(joined) => std::mem::replace(&mut joined.expiry, expiry),
            // It has left meanwhile.
            None => expiry,
        };
        before.inspect(AbortHandle::abort);
    }

    /// Takes the socket out of a namespace. Returns whether the session is left without any.
    pub(super) fn leave(&self, namespace: &str, cause: &'static str) -> bool {
        let left = {
            let mut guard = lock(&self.sockets);
            let Some(sockets) = guard.as_mut() else {
                return false;
            };
            let index = sockets
                .iter()
                .position(|joined| joined.namespace == namespace);
            (
                index.map(|index| sockets.swap_remove(index)),
                sockets.is_empty(),
            )
        };
        if let (Some(joined), _) = &left {
            self.left(joined, cause);
        }
        left.1
    }

    fn left(&self, joined: &Joined, cause: &'static str) {
        self.hub.leave(&joined.subscriber);
        joined.expiry.as_ref().inspect(|expiry| expiry.abort());
        self.metrics
            .disconnects
            .get_or_create(&Reason { reason: cause })
            .inc();
        tracing::info!(
            connection = self.name,
            namespace = joined.namespace,
            channel = joined.subscriber.key.channel,
            client = %self.client,
            cause,
            "left"
        );
    }

    fn labels(&self, namespace: &str) -> SocketLabels {
        SocketLabels {
            transport: self.engine.transport().name(),
            protocol: self.engine.protocol.socketio(),
            namespace: namespace.to_owned(),
        }
    }
}

impl Upper for Session {
    fn received(self: Arc<Self>, text: &str) {
        self.owner.clone().receive(&self, text);
    }

    fn received_binary(self: Arc<Self>) {
        self.owner.refused(&self, "binary_packet");
        self.engine.close(How::Moved, "malformed_packet");
    }

    fn refused(&self, reason: &'static str) {
        self.owner.refused(self, reason);
    }

    fn upgraded(&self) {
        for joined in lock(&self.sockets).iter_mut().flatten() {
            joined.counted = Counted::new(&self.metrics, &self.labels(&joined.namespace));
        }
    }

    fn ended(&self, cause: &'static str) {
        self.owner.forget(self);
        for joined in lock(&self.sockets).take().unwrap_or_default() {
            self.left(&joined, cause);
        }
        tracing::debug!(connection = self.name, cause, "session closed");
    }
}

/// Locks; a holder that panicked leaves nothing half done here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
