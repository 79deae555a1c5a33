//! A ping must pass before the load balancer gives up the connection.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "idle-timeout-not-above-ping-interval",
    topic: Topic::Heartbeat,
    levels: &[Error],
    summary: "the load balancer gives up a quiet connection before the server's next ping",
    breaks: "Quiet WebSockets are cut without a close frame, clients reconnect in a loop and fall \
             back to polling, and a held long poll is answered 504. Only payload bytes reset the \
             timer: TCP keep-alive and HTTP/2 PING do not.",
    holds: "load_balancer.idle_timeout ≥ server.ping_interval + 5s",
    fix: "raise the idle timeout above the ping interval, or ping more often",
    sources: &[ALB_IDLE, SOCKET_IO_PROXY, MATTERMOST, COMFYUI],
    settings: &[IdleTimeout, PingInterval],
    check,
};

/// For a ping that is late: a busy node, a slow network.
const MARGIN: Duration = Duration::from_secs(5);

fn check(r: &Reading) -> Verdict {
    let idle = r.duration(IdleTimeout)?;
    let ping = r.duration(PingInterval)?;
    let least = ping.value.saturating_add(MARGIN);
    demand(idle.value >= least, || {
        Violation::error(RULE.summary)
            .about(idle.seen)
            .about(ping.seen)
            .needs(format!(
                "idle timeout {} ≥ ping interval {} + {}",
                idle.seen.value,
                ping.seen.value,
                seconds(MARGIN)
            ))
            .fix(format!(
                "raise {IdleTimeout} to at least {}",
                seconds(least)
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s};
    cases(
        &RULE,
        &[
            (&[(IdleTimeout, s(60)), (PingInterval, s(60))], Error),
            (&[(IdleTimeout, s(64)), (PingInterval, s(60))], Error),
            (&[(IdleTimeout, s(65)), (PingInterval, s(60))], Holds),
            (&[(IdleTimeout, s(60)), (PingInterval, s(25))], Holds),
            (&[(IdleTimeout, s(60))], NotSeen),
            (&[(PingInterval, s(60))], NotSeen),
        ],
    );
}
