//! What happens to a session: it begins, sends packets, and ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use super::handshake::Handshake;
use super::packet::{self, Incoming};
use super::pressure::Pressure;
use super::registry::Sessions;
use super::session::{Owner, Session};
use crate::admission::Admission;
use crate::delivery::{ById, Context, Hub, Settled, Subscriber};
use crate::engine::{self, How, Protocol, Upper};
use crate::receipts::Outcome;
use crate::recipients::Recipients;
use crate::settings::Settings;

/// The Socket.IO side of a node.
pub struct Handler {
    /// The node's settings.
    pub settings: Arc<Settings>,
    /// What holds for every session.
    pub engine: Arc<engine::Config>,
    /// Who is let in.
    pub admission: Arc<Admission>,
    /// What deliveries work with.
    pub context: Arc<Context>,
    /// Where sockets are put on their mailboxes.
    pub hub: Arc<Hub>,
    /// Channels that are known to have a key.
    pub recipients: Recipients,
    /// Every session.
    pub sessions: Sessions,
    draining: AtomicBool,
    began_draining: Notify,
    pressure: Arc<Pressure>,
}

impl Handler {
    /// A node's Socket.IO side, without sessions.
    #[must_use]
    pub fn new(
        settings: Arc<Settings>,
        admission: Arc<Admission>,
        context: Arc<Context>,
        hub: Arc<Hub>,
    ) -> Arc<Self> {
        Arc::new(Self {
            pressure: Pressure::watch(context.clone()),
            engine: Arc::new(engine::Config {
                ping_interval: settings.ping_interval,
                ping_timeout: settings.ping_timeout,
                max_payload: settings.max_payload,
                polling: settings.transports.polling,
                websocket: settings.transports.websocket,
            }),
            settings,
            admission,
            context,
            hub,
            recipients: Recipients::default(),
            sessions: Sessions::default(),
            draining: AtomicBool::new(false),
            began_draining: Notify::new(),
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
        self.pressure.is_high()
    }

    /// Takes no new sessions from now on.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.context.metrics.draining.set(1);
        self.began_draining.notify_one();
    }

    /// Waits until the draining begins; for one waiter.
    pub(crate) async fn began_draining(&self) {
        self.began_draining.notified().await;
    }

    /// The node's metrics in the OpenMetrics text format, as they are now.
    #[must_use]
    pub fn metrics_page(&self) -> String {
        self.admission.measure();
        self.context.metrics.encode()
    }

    /// Takes a session that has just been opened.
    pub(super) fn open(
        self: &Arc<Self>,
        engine: &Arc<engine::Session>,
        handshake: Handshake,
    ) -> Weak<dyn Upper> {
        let (hub, metrics) = (self.hub.clone(), self.context.metrics.clone());
        let session = Session::new(engine.clone(), handshake, (hub, metrics), self.clone());
        self.sessions.add(&session);
        tracing::debug!(
            connection = session.name, client = %session.client, protocol = engine.protocol.socketio(), transport = ?engine.transport(), "session opened"
        );
        if engine.protocol == Protocol::V3 {
            session.send(packet::CONNECTED_TO_ROOT);
        }
        self.watch_joining(&session);
        let session: Weak<Session> = Arc::downgrade(&session);
        session
    }

    /// Closes the session if it has no socket by the end of the time for joining.
    pub(super) fn watch_joining(self: &Arc<Self>, session: &Arc<Session>) {
        let (handler, session) = (self.clone(), Arc::downgrade(session));
        tokio::spawn(async move {
            tokio::time::sleep(handler.settings.join_timeout).await;
            if let Some(session) = session.upgrade().filter(|session| session.has_no_socket()) {
                handler.admission.refused("join_timeout", session.client);
                session.engine.close(How::Moved, "join_timeout");
            }
        });
    }

    fn take(self: &Arc<Self>, session: &Arc<Session>, text: &str) {
        let Some((namespace, incoming)) = packet::decode(text) else {
            tracing::debug!(connection = session.name, "malformed or binary packet");
            session.engine.refuse("malformed_packet");
            return;
        };
        if let Incoming::Acknowledgement(number, named) = &incoming
            && self.acknowledged(session, &namespace, *number, named.as_ref())
        {
            return;
        }
        if let Incoming::Event(arguments, number) = &incoming
            && let Some(named) = packet::acknowledged_by_event(arguments)
            && let Some(subscriber) = session.socket(&namespace)
            && self.acknowledged_by_event(session, subscriber, &namespace, named, *number)
        {
            return;
        }
        if let Incoming::Event(arguments, _) = &incoming
            && let Some(id) = packet::in_progress_by_event(arguments)
            && let Some(subscriber) = session.socket(&namespace)
            && subscriber.in_progress(&id)
        {
            return;
        }
        if session.is_noisy() {
            session.engine.refuse("noisy_client");
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
            Incoming::Event(arguments, number) => {
                if let Some(shown) = packet::refreshed_by_event(&arguments) {
                    self.refreshed_by_event(session, namespace, shown, number);
                }
            }
            Incoming::Acknowledgement(..) => {}
        }
    }

    /// Takes an event `refresh`, and tells the client what has come of it.
    fn refreshed_by_event(
        self: &Arc<Self>,
        session: &Arc<Session>,
        namespace: String,
        shown: String,
        number: Option<u64>,
    ) {
        let Some(subscriber) = session.socket(&namespace) else {
            return;
        };
        let (handler, session) = (self.clone(), session.clone());
        tokio::spawn(async move {
            let outcome = handler
                .refresh(&session, &subscriber, &namespace, &shown)
                .await;
            answer(&session, &namespace, number, outcome);
        });
    }

    /// Whether the acknowledgement settled a message.
    fn acknowledged(
        &self,
        session: &Session,
        namespace: &str,
        number: u64,
        named: Option<&(String, Outcome)>,
    ) -> bool {
        let answer = session.socket(namespace).zip(named);
        let settled = answer.and_then(|(subscriber, (id, outcome))| {
            let settled = subscriber.acknowledge(number, id, *outcome).ok()?;
            self.tell_others(&subscriber, &settled);
            Some(settled)
        });
        if settled.is_none() {
            let id = named.map(|(id, _)| id.as_str());
            self.stray(session, namespace, Some(number), id);
        }
        settled.is_some()
    }

    /// Takes an event `ack`: of what this socket knows at once, of anything else once the store has
    /// answered. Returns whether it is more than noise.
    fn acknowledged_by_event(
        self: &Arc<Self>,
        session: &Arc<Session>,
        subscriber: Arc<Subscriber>,
        namespace: &str,
        (id, outcome): (String, Outcome),
        number: Option<u64>,
    ) -> bool {
        match subscriber.acknowledge_id(&id, outcome) {
            ById::Here(settled) => {
                self.tell_others(&subscriber, &settled);
                answer(session, namespace, number, told(&settled));
            }
            ById::TooMany => {
                self.stray(session, namespace, None, Some(&id));
                return false;
            }
            ById::Elsewhere => {
                let (handler, session) = (self.clone(), session.clone());
                let namespace = namespace.to_owned();
                tokio::spawn(async move {
                    // Without an answer of the store there is none for the client: it may ask
                    // again.
                    let Ok(settled) = handler.hub.acknowledge(&subscriber, &id, outcome).await
                    else {
                        return;
                    };
                    if settled.is_err() {
                        handler.stray(&session, &namespace, None, Some(&id));
                    }
                    let told = settled.as_ref().map_or("unknown", told);
                    answer(&session, &namespace, number, told);
                });
            }
        }
        true
    }

    fn tell_others(&self, by: &Arc<Subscriber>, settled: &Settled) {
        if let Settled::Now(message) = settled {
            self.hub.settled(by, message);
        }
    }

    fn stray(&self, session: &Session, namespace: &str, number: Option<u64>, id: Option<&str>) {
        self.context.metrics.stray_acknowledgements.inc();
        tracing::info!(
            connection = session.name,
            namespace,
            number,
            message_id = id,
            "ignored an acknowledgement that names no message that was shown; \
             a plugin acknowledges with ack(message.id), or emits `ack` with the id",
        );
    }
}

impl Owner for Handler {
    fn receive(self: Arc<Self>, session: &Arc<Session>, packet: &str) {
        self.take(session, packet);
    }

    fn refused(&self, session: &Session, reason: &'static str) {
        self.admission.refused(reason, session.client);
    }

    fn forget(&self, session: &Session) {
        self.sessions.remove(session.engine.id);
    }
}

/// What an acknowledgement has done, as a client is told that asked.
fn told(settled: &Settled) -> &'static str {
    match settled {
        Settled::Now(_) | Settled::Before => "acknowledged",
        Settled::Late => "expired",
    }
}

/// Answers a client that asked for an answer.
fn answer(session: &Session, namespace: &str, number: Option<u64>, outcome: &str) {
    if let Some(number) = number {
        session.send(&packet::answer(namespace, number, outcome));
    }
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}
