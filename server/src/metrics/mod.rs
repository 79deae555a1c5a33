//! What the server counts, in the names that `/metrics` shows; all start with `holdfast_`.

mod labels;
mod lateness;
mod registration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::memory;
pub use labels::{ClockLabel, MessageState, Reason, SocketLabels, StateLabel, StoreCall};
pub use lateness::{Lateness, Minute};

type StoreLatency = Family<StoreCall, Histogram, fn() -> Histogram>;

/// Reasons of refusals that only a client with a valid key meets, or one whose key cannot be
/// checked.
pub const VALID_KEYS: [&str; 4] = [
    "key_sockets",
    "key_joins",
    "key_addresses",
    "store_unavailable",
];

/// Every metric of one node.
pub struct Metrics {
    registry: Registry,
    /// Sockets that are in a namespace.
    ///
    /// Worry when it falls, and neither a deployment nor the time of day tells why.
    pub sockets: Family<SocketLabels, Gauge>,
    /// Sockets that have joined a namespace since the start.
    ///
    /// Worry when it grows much faster than `holdfast_sockets`: clients come and go in a loop.
    pub connects: Family<SocketLabels, Counter>,
    /// Addresses that the limits know of.
    ///
    /// Worry: never by itself.
    pub addresses: Gauge,
    /// Addresses that are banned.
    ///
    /// Worry: never by itself.
    pub banned_addresses: Gauge,
    /// Bans of addresses.
    ///
    /// Worry when it grows: somebody tries keys, or a plugin was given a wrong one.
    pub bans: Counter,
    /// Log lines dropped, because nobody read them or there were too many.
    ///
    /// Worry when it grows: the log is not read, or something logs too much.
    pub log_lines_dropped: Counter,
    /// Open TCP connections on the public listener.
    ///
    /// Worry when it is above 80 % of `holdfast_connections_limit`.
    pub connections: Gauge,
    /// Connections that this node admits.
    ///
    /// Worry when `holdfast_connections` comes near it.
    pub connections_limit: Gauge,
    /// Engine.IO sessions, those that have joined nothing included.
    ///
    /// Worry when it stays far above `holdfast_sockets`: clients connect and do not join.
    pub sessions: Gauge,
    /// Connections, handshakes and joins that were refused.
    ///
    /// Worry when it grows for a reason that a valid key meets, such as `key_sockets`, or for
    /// `too_many_connections`.
    pub refusals: Family<Reason, Counter>,
    /// Sockets that have left, by reason.
    ///
    /// Worry when `silent`, `stalled` or `slow_reader` grow for many keys at once.
    pub disconnects: Family<Reason, Counter>,
    /// Messages by what happened to them on this node.
    ///
    /// Worry when `expired` grows: nobody took those messages.
    pub messages: Family<StateLabel, Counter>,
    /// The same by state: a message counts without looking for its series.
    by_state: [Counter; MessageState::ALL.len()],
    /// From `deliver_at` to emission, of messages that a connected socket waited for.
    ///
    /// Worry when its 99th percentile is above a second.
    pub lateness: Lateness,
    /// Messages emitted again.
    ///
    /// Worry when it grows as fast as messages are delivered: plugins do not acknowledge.
    pub redeliveries: Counter,
    /// Messages given up on a live socket after the last repeat; they come again after a reconnect.
    ///
    /// Worry when it grows: a plugin forgets `ack`.
    pub given_up: Counter,
    /// Ends of sessions that showed a message to be poison for its key.
    ///
    /// Worry when it grows: a message ends the sessions of its clients.
    pub poison: Counter,
    /// Messages that were due while a socket's window was full.
    ///
    /// Worry when it grows while plugins are connected: they acknowledge slowly.
    pub window_waits: Counter,
    /// Connections cut because the client did not read.
    ///
    /// Worry when it grows for many clients at once: a network is slow.
    pub slow_readers: Counter,
    /// Acknowledgements that named no message in flight.
    ///
    /// Worry when it grows: a plugin acknowledges with a wrong id.
    pub stray_acknowledgements: Counter,
    /// Polling requests of a session that carried no cookie, where nodes share the store: a load
    /// balancer sends them to any node, and only one has the session.
    ///
    /// Worry when it is above zero: clients do not keep the cookie.
    pub polling_without_cookie: Counter,
    /// Receipts that were dropped because the store was away for too long.
    ///
    /// Worry when it is above zero: some messages come twice.
    pub receipts_dropped: Counter,
    /// Messages that the sweep found and no announcement had told of.
    ///
    /// Worry when it grows while the store is there: announcements get lost.
    pub announcements_missed: Counter,
    /// Announcements of messages without proof that a node made them; the mailbox is read instead.
    ///
    /// Worry when it is above zero: somebody else publishes in the store, or nodes share no backend
    /// key.
    pub announcements_unproved: Counter,
    /// Messages put back into a store that had lost them.
    ///
    /// Worry when it is above zero: the store has lost its last moments.
    pub restored: Counter,
    /// Messages accepted here that the store has lost for good.
    ///
    /// Worry when it is above zero: the store has lost data.
    pub lost: Counter,
    /// Sockets that wait for their mailboxes to be read.
    ///
    /// Worry when it stays above zero: the store is slow, or many clients come at once.
    pub reads_waiting: Gauge,
    /// Polls that wait for packets.
    ///
    /// Worry: never by itself.
    pub polls_waiting: Gauge,
    /// How long a task waits for its turn.
    ///
    /// Worry when its 99th percentile is above 0.1 s: the node has too little processor.
    pub lag: Histogram,
    /// How long the store took.
    ///
    /// Worry when its 99th percentile is above 0.25 s.
    pub store: StoreLatency,
    /// Calls of the store that failed.
    ///
    /// Worry when it grows: the store is away, or too slow to answer within 2 s.
    pub store_errors: Counter,
    /// Memory that the process has, in bytes.
    ///
    /// Worry when it is above 85 % of `holdfast_memory_limit_bytes`, or grows from day to day.
    pub memory: Gauge,
    /// Memory that the process may have, in bytes: its control group's limit, or the machine's.
    ///
    /// Worry: never by itself.
    pub memory_limit: Gauge,
    /// Deliveries that the node has to make within the next minute: each message that falls due,
    /// once for each of its sockets.
    ///
    /// Worry: never by itself.
    pub deliveries_ahead: Gauge,
    /// Whether ECS was asked not to stop the task when the service scales in.
    ///
    /// Worry when it is 1 for longer than a deployment should wait.
    pub protected: Gauge,
    /// Whether the node leaves.
    ///
    /// Worry when it stays 1 for longer than `DRAIN`.
    pub draining: Gauge,
    /// By how much a clock was ahead of this node's view of it at the last measurement, in
    /// microseconds.
    ///
    /// Worry when it is above 1,000,000 for `store`: its clock leaps.
    pub clock_correction: Family<ClockLabel, Gauge>,
    /// Leaps of more than a second.
    ///
    /// Worry when it grows: a clock is set by hand, or a failover went to a machine with another
    /// time.
    pub clock_leaps: Family<ClockLabel, Counter>,
    /// Whether nothing is retired because a clock has leapt, or the node has just started.
    ///
    /// Worry when it stays 1 for minutes after the start.
    pub expiry_held: Gauge,
    /// By how much this machine's wall clock is ahead of the store's, in milliseconds.
    ///
    /// Worry when it is beyond 1,000 either way: this machine's clock is wrong. Deliveries are
    /// right all the same.
    pub wall_clock_offset: Gauge,
}

impl Metrics {
    /// Metrics at zero.
    #[must_use]
    pub fn new() -> Self {
        let messages: Family<StateLabel, Counter> = Family::default();
        let mut m = Self {
            registry: Registry::with_prefix("holdfast"),
            sockets: Family::default(),
            connects: Family::default(),
            addresses: Gauge::default(),
            banned_addresses: Gauge::default(),
            bans: Counter::default(),
            log_lines_dropped: Counter::default(),
            connections: Gauge::default(),
            connections_limit: Gauge::default(),
            sessions: Gauge::default(),
            refusals: Family::default(),
            disconnects: Family::default(),
            by_state: MessageState::ALL
                .map(|state| messages.get_or_create(&StateLabel { state }).clone()),
            messages,
            lateness: Lateness::default(),
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
            store_errors: Counter::default(),
            memory: Gauge::default(),
            memory_limit: Gauge::default(),
            deliveries_ahead: Gauge::default(),
            protected: Gauge::default(),
            draining: Gauge::default(),
            clock_correction: Family::default(),
            clock_leaps: Family::default(),
            expiry_held: Gauge::default(),
            wall_clock_offset: Gauge::default(),
        };
        m.register();
        m.begin();
        m
    }

    /// Shows from the start what alerts look at: the first of a series that was not there does not
    /// count as an increase.
    fn begin(&self) {
        for reason in VALID_KEYS {
            drop(self.refusals.get_or_create(&Reason { reason }));
        }
    }

    /// Counts a refusal.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&Reason { reason }).inc();
    }

    /// How many refusals were counted for this reason.
    #[must_use]
    pub fn refusals_for(&self, reason: &'static str) -> u64 {
        let counter = self.refusals.get(&Reason { reason });
        counter.map_or(0, |counter| counter.get())
    }

    /// Counts what happened to `number` messages.
    pub fn count(&self, state: MessageState, number: usize) {
        self.by_state[state as usize].inc_by(number as u64);
    }

    /// How many messages were counted in this state.
    #[must_use]
    pub fn counted(&self, state: MessageState) -> u64 {
        self.by_state[state as usize].get()
    }

    /// Brings the gauges of memory up to date.
    pub fn measure_memory(&self) {
        let measured = [
            (&self.memory, memory::resident()),
            (&self.memory_limit, memory::limit()),
        ];
        for (gauge, bytes) in measured {
            gauge.set(bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0));
        }
    }

    /// All metrics in the OpenMetrics text format.
    #[must_use]
    pub fn encode(&self) -> String {
        self.measure_memory();
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
