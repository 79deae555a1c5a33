//! A slow client must be given up by the server, not by the load balancer.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "idle-timeout-below-ping-timeout",
    topic: Topic::Heartbeat,
    levels: &[Warning],
    summary: "the load balancer gives up a slow client before the server does",
    breaks: "The server pings and waits for the pong in silence. The load balancer cuts a client \
             that is slow to answer, so the ping timeout that was meant for it is never reached. \
             A protocol 4 client pings by itself, and may be silent for interval and timeout \
             together.",
    holds: "load_balancer.idle_timeout > max(server.ping_interval, server.ping_timeout); with \
            protocol 4 > server.ping_interval + server.ping_timeout",
    fix: "raise the idle timeout, or shorten the ping timeout",
    sources: &[SOCKET_IO_OPTIONS, SOCKET_IO_PROXY, ALB_IDLE],
    settings: &[IdleTimeout, PingInterval, PingTimeout, Protocols],
    check,
};

fn check(r: &Reading) -> Verdict {
    let idle = r.duration(IdleTimeout)?;
    let interval = r.duration(PingInterval)?;
    let timeout = r.duration(PingTimeout)?;
    let sum = interval.value.saturating_add(timeout.value);
    let protocols = r.list(Protocols);
    let old_clients = protocols
        .as_ref()
        .is_ok_and(|protocols| protocols.value.iter().any(|version| version == "4"));
    if idle.value > interval.value.max(timeout.value) && idle.value <= sum {
        protocols?; // enough for some clients alone
    }
    let (silence, formula) = if old_clients {
        (sum, "ping interval + ping timeout")
    } else {
        (
            interval.value.max(timeout.value),
            "the longer of ping interval and ping timeout",
        )
    };
    demand(idle.value > silence, || {
        Violation::warning(RULE.summary)
            .about(idle.seen)
            .about(interval.seen)
            .about(timeout.seen)
            .with(r, &[Protocols])
            .needs(format!(
                "idle timeout {} > {formula} {}",
                idle.seen.value,
                seconds(silence)
            ))
            .fix(format!(
                "raise {IdleTimeout} to at least {}",
                seconds(silence.saturating_add(MARGIN))
            ))
    })
}

/// What the fix proposes beyond the bare inequality.
const MARGIN: Duration = Duration::from_secs(5);

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l, s};
    let heartbeat = |idle, interval, timeout| {
        [
            (IdleTimeout, s(idle)),
            (PingInterval, s(interval)),
            (PingTimeout, s(timeout)),
        ]
    };
    let old = |idle| {
        [
            (IdleTimeout, s(idle)),
            (PingInterval, s(60)),
            (PingTimeout, s(240)),
            (Protocols, l(&["4", "5"])),
        ]
    };
    let new = |idle| {
        let mut new = old(idle);
        new[3].1 = l(&["5"]);
        new
    };
    cases(
        &RULE,
        &[
            (&heartbeat(240, 60, 240), Warning),
            (&heartbeat(241, 60, 240), NotSeen),
            (&new(241), Holds),
            (&heartbeat(301, 60, 240), Holds),
            (&heartbeat(60, 60, 20), Warning),
            (&heartbeat(81, 60, 20), Holds),
            (&old(300), Warning),
            (&old(301), Holds),
            (&[(IdleTimeout, s(60)), (PingInterval, s(25))], NotSeen),
        ],
    );
}
