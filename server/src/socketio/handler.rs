//! What happens to a session: it begins, sends packets, and ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, ProtocolVersion, Socket, Str};

use super::packet::{self, Incoming};
use super::pressure::Pressure;
use super::registry::Sessions;
use super::session::{Session, Slot};
use crate::connection::{Allowance, Link};
use crate::delivery::{Context, Hub};
use crate::keys::KeyRecord;
use crate::settings::Settings;

/// What the gate has learnt of a handshake, carried in the request's extensions.
#[derive(Clone)]
pub(super) struct Handshake {
    /// The key of the header, checked.
    pub(super) key: Option<Arc<KeyRecord>>,
    /// The connection that the handshake came on.
    pub(super) link: Arc<Link>,
    /// What the session may send.
    pub(super) allowance: Arc<Allowance>,
}

/// The Socket.IO side of a node.
pub struct Handler {
    /// The node's settings.
    pub settings: Arc<Settings>,
    /// What deliveries work with.
    pub context: Arc<Context>,
    /// Where sockets are put on their mailboxes.
    pub hub: Arc<Hub>,
    /// Every session.
    pub sessions: Sessions,
    draining: AtomicBool,
    pressure: Arc<Pressure>,
}

impl Handler {
    /// A node's Socket.IO side, without sessions.
    #[must_use]
    pub fn new(settings: Arc<Settings>, context: Arc<Context>, hub: Arc<Hub>) -> Arc<Self> {
        Arc::new(Self {
            pressure: Pressure::watch(context.clone()),
            settings,
            context,
            hub,
            sessions: Sessions::default(),
            draining: AtomicBool::new(false),
        })
    }

    /// Whether the node takes no new sessions because it is leaving.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether new clients should come again later: the node has more work than it can do.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        let reads = self.context.metrics.reads_waiting.get();
        self.pressure.is_high(u64::try_from(reads).unwrap_or(0))
    }

    /// Takes no new sessions from now on.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Closes the session if it has no socket by the end of the time for joining.
    pub(super) fn watch_joining(self: &Arc<Self>, session: &Arc<Session>) {
        let (handler, session) = (self.clone(), Arc::downgrade(session));
        tokio::spawn(async move {
            tokio::time::sleep(handler.settings.join_timeout).await;
            if let Some(session) = session.upgrade().filter(|session| session.has_no_socket()) {
                handler.context.metrics.refused("join_timeout");
                session.close("join_timeout");
            }
        });
    }

    fn receive(self: &Arc<Self>, session: &Arc<Session>, text: Str) {
        let Some((namespace, incoming)) = packet::decode(text) else {
            self.context.metrics.refused("malformed_packet");
            tracing::debug!(connection = session.name, "malformed or binary packet");
            session.close("malformed_packet");
            return;
        };
        if let Incoming::Acknowledgement(number, arguments) = &incoming
            && self.acknowledged(session, &namespace, *number, arguments)
        {
            return;
        }
        if session.is_noisy() {
            self.context.metrics.refused("noisy_client");
            session.close("noisy_client");
            return;
        }
        match incoming {
            Incoming::Connect(auth) => {
                tokio::spawn(self.clone().join(session.clone(), namespace, auth));
            }
            Incoming::Disconnect => {
                if session.leave(&namespace, "client_left") {
                    self.watch_joining(session);
                }
            }
            Incoming::Event | Incoming::Acknowledgement(..) => {}
        }
    }

    /// Whether the acknowledgement settled a message.
    fn acknowledged(
        &self,
        session: &Session,
        namespace: &str,
        number: u64,
        arguments: &str,
    ) -> bool {
        let id = packet::acknowledged_id(arguments);
        let answer = session.socket(namespace).zip(id.as_deref());
        let settled = answer.and_then(|(subscriber, id)| {
            let message = subscriber.acknowledge(number, id).ok()?;
            Some(message.inspect(|message| self.hub.settled(&subscriber, message)))
        });
        if settled.is_none() {
            self.context.metrics.stray_acknowledgements.inc();
            tracing::info!(
                connection = session.name,
                namespace,
                number,
                message_id = id,
                "ignored an acknowledgement that names no message in flight; \
                 a plugin acknowledges with ack(message.id)",
            );
        }
        settled.is_some()
    }
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}

impl EngineIoHandler for Handler {
    type Data = Slot;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Slot>>) {
        let Some(handshake) = socket.req_parts.extensions.get::<Handshake>().cloned() else {
            // No request reaches the engine but through the gate.
            socket.close(DisconnectReason::TransportError);
            return;
        };
        let metrics = self.context.metrics.clone();
        let session = Session::new(socket.clone(), handshake, self.hub.clone(), metrics);
        let _ = socket.data.set(Arc::downgrade(&session));
        self.sessions.add(&session);
        tracing::debug!(
            connection = session.name, protocol = session.protocol_name(), transport = ?socket.transport_type(), "session opened"
        );
        if socket.protocol == ProtocolVersion::V3 {
            session.send(packet::CONNECTED_TO_ROOT.to_owned());
        }
        self.watch_joining(&session);
    }

    fn on_disconnect(&self, socket: Arc<Socket<Slot>>, reason: DisconnectReason) {
        if let Some(session) = self.sessions.remove(socket.id) {
            session.ended(&reason);
            tracing::debug!(connection = session.name, ?reason, "session closed");
        }
    }

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<Slot>>) {
        if let Some(session) = socket.data.get().and_then(std::sync::Weak::upgrade) {
            self.receive(&session, text);
        }
    }

    fn on_binary(self: &Arc<Self>, _: axum::body::Bytes, socket: Arc<Socket<Slot>>) {
        if let Some(session) = socket.data.get().and_then(std::sync::Weak::upgrade) {
            self.context.metrics.refused("binary_packet");
            session.close("malformed_packet");
        }
    }
}
