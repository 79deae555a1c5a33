//! One Engine.IO session, with the sockets that it has in namespaces.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use engineioxide::sid::Sid;
use engineioxide::{DisconnectReason, ProtocolVersion, Socket, TransportType};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::handshake::Handshake;
use super::packet;
use crate::admission::{Client, Permit};
use crate::connection::{Allowance, Link};
use crate::delivery::{Hub, Subscriber};
use crate::keys::KeyRecord;
use crate::metrics::{Metrics, Reason, SocketLabels};

/// Packets beside acknowledgements that a client may send at once, and then each second.
const NOISE_BURST: NonZeroU32 = NonZeroU32::new(64).unwrap();
const NOISE_PER_SECOND: NonZeroU32 = NonZeroU32::new(1).unwrap();

/// How long an upgrade may take once the WebSocket is there: two packets there and back, on the
/// slowest network.
pub(super) const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks whether it is done.
const LOOK: Duration = Duration::from_millis(10);
/// How long a client that is sent away may take to go by itself. Its session stays that long, so
/// that the packet that tells it is not lost between two polls, or before the engine writes to a
/// WebSocket that has just come.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the engine keeps for us in its own session; set right after its creation.
pub(super) type Slot = OnceLock<Weak<Session>>;

/// One Engine.IO session.
pub struct Session {
    /// The session's id, a secret of the client.
    pub id: Sid,
    /// The session's name in logs: not its id, which would let a reader of the log take it over.
    pub name: String,
    /// The key of the handshake's header.
    pub header_key: Option<Arc<KeyRecord>>,
    pub(super) engine: Arc<Socket<Slot>>,
    /// The transport of its handshake.
    pub(super) begun_with: TransportType,
    /// What the client may still send.
    pub(super) allowance: Arc<Allowance>,
    pub(super) link: Mutex<Arc<Link>>,
    pub(super) last_request: Mutex<Instant>,
    /// None once the session has ended.
    pub(super) sockets: Mutex<Option<Vec<Joined>>>,
    /// Who opened the session.
    pub client: Client,
    /// The place that it takes.
    pub(super) place: Arc<Permit>,
    pub(super) has_joined: AtomicBool,
    noise: DefaultDirectRateLimiter,
    cause: OnceLock<&'static str>,
    ending: CancellationToken,
    pub(super) metrics: Arc<Metrics>,
    hub: Arc<Hub>,
}

/// A socket of the session.
pub(super) struct Joined {
    pub(super) namespace: String,
    subscriber: Arc<Subscriber>,
    /// Sends the client away when its key expires.
    expiry: Option<AbortHandle>,
    /// The place that the socket takes.
    _place: Permit,
}

impl Session {
    pub(super) fn new(
        engine: Arc<Socket<Slot>>,
        handshake: Handshake,
        hub: Arc<Hub>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: engine.id,
            name: ulid::Ulid::generate().to_string().to_lowercase(),
            header_key: handshake.key,
            begun_with: engine.transport_type(),
            engine,
            allowance: handshake.allowance,
            client: handshake.client,
            place: handshake.place,
            link: Mutex::new(handshake.link),
            last_request: Mutex::new(Instant::now()),
            sockets: Mutex::new(Some(Vec::new())),
            has_joined: AtomicBool::new(false),
            noise: RateLimiter::direct(
                Quota::per_second(NOISE_PER_SECOND).allow_burst(NOISE_BURST),
            ),
            cause: OnceLock::new(),
            ending: CancellationToken::new(),
            metrics,
            hub,
        })
    }

    /// The Engine.IO protocol: 4 for Socket.IO 5, 3 for Socket.IO 4.
    #[must_use]
    pub fn protocol(&self) -> ProtocolVersion {
        self.engine.protocol
    }

    /// The Socket.IO protocol, one above the engine's.
    pub(super) fn protocol_name(&self) -> &'static str {
        match self.protocol() {
            ProtocolVersion::V3 => "4",
            ProtocolVersion::V4 => "5",
        }
    }

    /// Notes a request that belongs to the session, and the connection it came on if that is to
    /// carry its WebSocket.
    pub(super) fn heard(&self, upgrade: Option<Arc<Link>>) {
        *lock(&self.last_request) = Instant::now();
        // A second upgrade of a session is refused by the engine: its connection is none of the
        // session's.
        if let Some(link) = upgrade.filter(|_| self.is_polling()) {
            link.allow(self.allowance.clone());
            *lock(&self.link) = link;
        }
    }

    /// Whether the client has sent more than it has reason to.
    pub(super) fn is_noisy(&self) -> bool {
        self.noise.check().is_err()
    }

    /// Sends a Socket.IO packet; one that the transport does not take is dropped with the session.
    pub(super) fn send(&self, packet: String) {
        // A full buffer means a reader that has stalled: the connection's clock sees to that.
        let _ = self.engine.emit(packet);
    }

    /// Ends the session so that the client comes back by itself. `cause` is what is counted.
    ///
    /// The engine's close packet would do for the JavaScript clients, but python-socketio takes it
    /// for final. What no client takes for final is a connection that ends: the WebSocket's, or a
    /// poll that fails.
    pub fn close(self: &Arc<Self>, cause: &'static str) {
        let _ = self.cause.set(cause);
        self.when_settled(|session| {
            if session.is_polling() {
                session.ending.cancel();
                session.engine.close(DisconnectReason::TransportError);
            } else if !lock(&session.link).end() {
                // The connection has gone without the engine's notice, as it does when it breaks
                // during the handshake.
                session.engine.close(DisconnectReason::TransportError);
            }
        });
    }

    /// Tells a client that a socket of its is none any more, for good; after its last one the
    /// session ends.
    pub(super) fn dismiss(self: &Arc<Self>, namespace: &str, cause: &'static str) {
        let farewell = packet::disconnect(namespace);
        let is_last = self.leave(namespace, cause);
        self.when_settled(move |session| {
            session.send(farewell);
            if is_last {
                tokio::spawn(session.clone().close_deserted());
            }
        });
    }

    /// Closes a session that is still there after its last socket was dismissed.
    async fn close_deserted(self: Arc<Self>) {
        sleep(FAREWELL).await;
        if self.has_no_socket() {
            self.engine.close(DisconnectReason::TransportClose);
        }
    }

    /// Ends something once no upgrade is under way. A client whose session ends in the middle of
    /// one has no WebSocket and never polls again (engine.io-client 6 stays paused): only its
    /// heartbeat, minutes later, would tell it.
    fn when_settled(self: &Arc<Self>, end: impl FnOnce(&Arc<Self>) + Send + 'static) {
        if !self.is_upgrading() {
            return end(self);
        }
        let session = self.clone();
        tokio::spawn(async move {
            let until = Instant::now() + UPGRADE_TIMEOUT;
            while session.is_upgrading() && Instant::now() < until {
                sleep(LOOK).await;
            }
            end(&session);
        });
    }

    fn is_upgrading(&self) -> bool {
        self.is_polling() && lock(&self.link).is_websocket()
    }

    /// Ends the session of a client that reads nothing, not even the end.
    pub(super) fn cut(self: &Arc<Self>, cause: &'static str) {
        if self.is_polling() {
            self.close(cause);
        } else {
            let _ = self.cause.set(cause);
            if !lock(&self.link).cut() {
                self.engine.close(DisconnectReason::TransportError);
            }
        }
    }

    /// Waits until the session is ended by this side: its poll is to fail then.
    pub(super) async fn ending(&self) {
        self.ending.cancelled().await;
    }

    pub(super) fn is_polling(&self) -> bool {
        self.engine.transport_type() == TransportType::Polling
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
        reply: String,
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
        self.metrics
            .connects
            .get_or_create(&self.labels(namespace))
            .inc();
        sockets.push(Joined {
            namespace: namespace.to_owned(),
            subscriber: subscriber.clone(),
            expiry,
            _place: place,
        });
        self.send(reply);
        // Under the lock: the end of the session finds the socket on the hub, or comes before it.
        self.hub.join(subscriber);
        Some(first)
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

    /// Ends all sockets, because the engine's session has ended.
    pub(super) fn ended(&self, reason: &DisconnectReason) {
        let told = self.cause.get().copied();
        let cause = told
            .or_else(|| lock(&self.link).cause())
            .unwrap_or_else(|| cause_of(reason));
        for joined in lock(&self.sockets).take().unwrap_or_default() {
            self.left(&joined, cause);
        }
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

    pub(super) fn labels(&self, namespace: &str) -> SocketLabels {
        SocketLabels {
            transport: if self.is_polling() {
                "polling"
            } else {
                "websocket"
            },
            protocol: self.protocol_name(),
            namespace: namespace.to_owned(),
        }
    }
}

fn cause_of(reason: &DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::TransportClose => "client_left",
        DisconnectReason::MultipleHttpPollingError => "two_polls_at_once",
        DisconnectReason::PacketParsingError => "malformed_packet",
        DisconnectReason::TransportError => "connection_lost",
        DisconnectReason::HeartbeatTimeout => "heartbeat_timeout",
        DisconnectReason::ClosingServer => "draining",
    }
}

/// Locks; a holder that panicked leaves nothing half done here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
