//! The names under which `/metrics` shows what is counted.

use prometheus_client::registry::Unit;

use super::Metrics;

impl Metrics {
    pub(super) fn register(&mut self) {
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
            "connections_limit",
            "Connections that this node admits",
            self.connections_limit.clone(),
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
            self.lateness.histogram.clone(),
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
        r.register(
            "store_errors",
            "Calls of the store that failed",
            self.store_errors.clone(),
        );
        r.register_with_unit(
            "memory",
            "Memory that the process has",
            Unit::Bytes,
            self.memory.clone(),
        );
        r.register_with_unit(
            "memory_limit",
            "Memory that the process may have",
            Unit::Bytes,
            self.memory_limit.clone(),
        );
        r.register(
            "deliveries_ahead",
            "Deliveries to be made within the next minute",
            self.deliveries_ahead.clone(),
        );
        r.register(
            "protected",
            "1 while ECS does not scale this task in",
            self.protected.clone(),
        );
        r.register("draining", "1 while the node leaves", self.draining.clone());
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
}
