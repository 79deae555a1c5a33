//! What the server counts, in the names that `/metrics` shows; all start with `holdfast_`.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// A Socket.IO socket, as it is counted.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct SocketLabels {
    /// `polling` or `websocket`.
    pub transport: &'static str,
    /// The Socket.IO protocol: 4 or 5.
    pub protocol: &'static str,
    /// The namespace.
    pub namespace: String,
}

/// One label whose values the code knows.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Reason {
    /// What happened, in `snake_case`.
    pub reason: &'static str,
}

/// A message's state.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
pub enum MessageState {
    /// Stored.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    accepted,
    /// Emitted to a key, redeliveries not counted.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    delivered,
    /// Acknowledged by a key.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    acknowledged,
    /// Acknowledged by a key after it had expired.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    acknowledged_late,
    /// Expired without any acknowledgement.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    expired,
    /// Cancelled before it was due.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    cancelled,
}

/// The label of message counts.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct StateLabel {
    /// What became of it.
    pub state: MessageState,
}

/// Which clock was measured.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ClockLabel {
    /// `store`, or `wall`: the machine's.
    pub clock: &'static str,
}

/// A call of the store.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct StoreCall {
    /// The trait's method.
    pub call: &'static str,
    /// `ok` or `unavailable`.
    pub outcome: &'static str,
}

type StoreLatency = Family<StoreCall, Histogram, fn() -> Histogram>;

/// Every metric of one node.
pub struct Metrics {
    registry: Registry,
    /// Sockets that are in a namespace.
    pub sockets: Family<SocketLabels, Gauge>,
    /// Sockets that have joined a namespace since the start.
    pub connects: Family<SocketLabels, Counter>,
    /// Addresses that the limits know of.
    pub addresses: Gauge,
    /// Addresses that are banned.
    pub banned_addresses: Gauge,
    /// Bans of addresses.
    pub bans: Counter,
    /// Log lines dropped, because nobody read them or there were too many.
    pub log_lines_dropped: Counter,
    /// Open TCP connections on the public listener.
    pub connections: Gauge,
    /// Engine.IO sessions, those that have joined nothing included.
    pub sessions: Gauge,
    /// Connections, handshakes and joins that were refused.
    pub refusals: Family<Reason, Counter>,
    /// Sockets that have left, by reason.
    pub disconnects: Family<Reason, Counter>,
    /// Messages by what happened to them on this node.
    pub messages: Family<StateLabel, Counter>,
    /// From `deliver_at` to emission, of messages that a connected socket waited for.
    pub lateness: Histogram,
    /// Messages emitted again.
    pub redeliveries: Counter,
    /// Messages given up on a live socket after the last repeat; they come again after a reconnect.
    pub given_up: Counter,
    /// Ends of sessions that showed a message to be poison for its key.
    pub poison: Counter,
    /// Messages that were due while a socket's window was full.
    pub window_waits: Counter,
    /// Connections cut because the client did not read.
    pub slow_readers: Counter,
    /// Acknowledgements that named no message in flight.
    pub stray_acknowledgements: Counter,
    /// Polling requests of a session that carried no cookie, where nodes share the store: a load
    /// balancer sends them to any node, and only one has the session.
    pub polling_without_cookie: Counter,
    /// Receipts that were dropped because the store was away for too long.
    pub receipts_dropped: Counter,
    /// Messages that the sweep found and no announcement had told of.
    pub announcements_missed: Counter,
    /// Announcements of messages without proof that a node made them; the mailbox is read instead.
    pub announcements_unproved: Counter,
    /// Messages put back into a store that had lost them.
    pub restored: Counter,
    /// Messages accepted here that the store has lost for good.
    pub lost: Counter,
    /// Sockets that wait for their mailboxes to be read.
    pub reads_waiting: Gauge,
    /// Polls that wait for packets.
    pub polls_waiting: Gauge,
    /// How long a task waits for its turn.
    pub lag: Histogram,
    /// How long the store took.
    pub store: StoreLatency,
    /// By how much a clock was ahead of this node's view of it at the last measurement, in
    /// microseconds.
    pub clock_correction: Family<ClockLabel, Gauge>,
    /// Leaps of more than a second.
    pub clock_leaps: Family<ClockLabel, Counter>,
    /// Whether nothing is retired because a clock has leapt, or the node has just started.
    pub expiry_held: Gauge,
    /// By how much this machine's wall clock is ahead of the store's, in milliseconds.
    pub wall_clock_offset: Gauge,
}

impl Metrics {
    /// Metrics at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut m = Self {
            registry: Registry::with_prefix("holdfast"),
            sockets: Family::default(),
            connects: Family::default(),
            addresses: Gauge::default(),
            banned_addresses: Gauge::default(),
            bans: Counter::default(),
            log_lines_dropped: Counter::default(),
            connections: Gauge::default(),
            sessions: Gauge::default(),
            refusals: Family::default(),
            disconnects: Family::default(),
            messages: Family::default(),
            lateness: Histogram::new([
                0.000_5, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0,
            ]),
            redeliveries: Counter::default(),
            given_up: Counter::default(),
            poison: Counter::default(),
            window_waits: Counter::default(),
            slow_readers: Counter::default(),
            stray_acknowledgements: Counter::default(),
            polling_without_cookie: Counter::default(),
            receipts_dropped: Counter::default(),
            announcements_missed: Counter::default(),
            announcements_unproved: Counter::default(),
            reads_waiting: Gauge::default(),
            polls_waiting: Gauge::default(),
            lag: Histogram::new([0.001, 0.005, 0.025, 0.1, 0.25, 1.0, 5.0]),
            restored: Counter::default(),
            lost: Counter::default(),
            store: Family::new_with_constructor(|| {
                Histogram::new([0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.25, 1.0, 2.0])
            }),
            clock_correction: Family::default(),
            clock_leaps: Family::default(),
            expiry_held: Gauge::default(),
            wall_clock_offset: Gauge::default(),
        };
        m.register();
        m
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("sockets", "Sockets in a namespace", self.sockets.clone());
        r.register(
            "connects",
            "Sockets that joined a namespace",
            self.connects.clone(),
        );
        r.register(
            "connections",
            "Open TCP connections",
            self.connections.clone(),
        );
        r.register(
            "addresses",
            "Addresses that the limits know of",
            self.addresses.clone(),
        );
        r.register(
            "banned_addresses",
            "Addresses banned for wrong keys",
            self.banned_addresses.clone(),
        );
        r.register(
            "log_lines_dropped",
            "Log lines that nobody read in time or that were too many",
            self.log_lines_dropped.clone(),
        );
        r.register("bans", "Bans of addresses", self.bans.clone());
        r.register("sessions", "Engine.IO sessions", self.sessions.clone());
        r.register(
            "refusals",
            "Connections, handshakes and joins refused",
            self.refusals.clone(),
        );
        r.register("disconnects", "Sockets that left", self.disconnects.clone());
        r.register(
            "messages",
            "Messages by what happened to them here",
            self.messages.clone(),
        );
        r.register_with_unit(
            "lateness",
            "From deliver_at to emission",
            Unit::Seconds,
            self.lateness.clone(),
        );
        r.register(
            "redeliveries",
            "Messages emitted again",
            self.redeliveries.clone(),
        );
        r.register(
            "given_up",
            "Messages that a live socket never acknowledged",
            self.given_up.clone(),
        );
        r.register(
            "poison",
            "Ends of sessions on a message that they were given alone, after an earlier end on it",
            self.poison.clone(),
        );
        r.register(
            "window_waits",
            "Messages that waited for a full window",
            self.window_waits.clone(),
        );
        r.register(
            "slow_readers",
            "Connections cut because the client did not read",
            self.slow_readers.clone(),
        );
        r.register(
            "stray_acknowledgements",
            "Acknowledgements that named no message in flight",
            self.stray_acknowledgements.clone(),
        );
        r.register(
            "polling_without_cookie",
            "Polling requests of a session without a cookie, where nodes share the store",
            self.polling_without_cookie.clone(),
        );
        r.register(
            "receipts_dropped",
            "Receipts dropped in a store outage",
            self.receipts_dropped.clone(),
        );
        r.register(
            "announcements_missed",
            "Messages found by the sweep alone",
            self.announcements_missed.clone(),
        );
        r.register(
            "announcements_unproved",
            "Announcements of messages without proof that a node made them; the mailbox was read",
            self.announcements_unproved.clone(),
        );
        r.register(
            "reads_waiting",
            "Sockets that wait for their mailboxes to be read",
            self.reads_waiting.clone(),
        );
        r.register(
            "polls_waiting",
            "Polls that wait for packets",
            self.polls_waiting.clone(),
        );
        r.register_with_unit(
            "scheduling_lag",
            "How long a task waits for its turn",
            Unit::Seconds,
            self.lag.clone(),
        );
        r.register(
            "messages_restored",
            "Messages put back into a store that had lost them",
            self.restored.clone(),
        );
        r.register(
            "messages_lost",
            "Messages accepted here that the store has lost for good",
            self.lost.clone(),
        );
        r.register_with_unit(
            "store_latency",
            "How long the store took",
            Unit::Seconds,
            self.store.clone(),
        );
        r.register_with_unit(
            "clock_correction",
            "By how much a clock was ahead of this node's view of it, in microseconds",
            Unit::Other("microseconds".into()),
            self.clock_correction.clone(),
        );
        r.register(
            "clock_leaps",
            "Leaps of more than a second of the store's clock, and of this machine's",
            self.clock_leaps.clone(),
        );
        r.register(
            "expiry_held",
            "1 while nothing is retired because a clock has leapt, or the node has just started",
            self.expiry_held.clone(),
        );
        r.register_with_unit(
            "wall_clock_offset",
            "By how much this machine's clock is ahead of the store's, in milliseconds",
            Unit::Other("milliseconds".into()),
            self.wall_clock_offset.clone(),
        );
    }

    /// Counts a refusal.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&Reason { reason }).inc();
    }

    /// Counts what happened to `number` messages.
    pub fn count(&self, state: MessageState, number: usize) {
        self.messages
            .get_or_create(&StateLabel { state })
            .inc_by(number as u64);
    }

    /// All metrics in the OpenMetrics text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
