//! A client that vanished must be noticed before long.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "slow-dead-peer-detection",
    topic: Topic::Heartbeat,
    levels: &[Warning],
    summary: "a client that vanished counts as connected for minutes",
    breaks: "Its socket takes memory, its deliveries wait for their expiry and presence is wrong, \
             until interval and timeout together have passed. Clients use the same sum to notice \
             that the server is gone.",
    holds: "server.ping_interval + server.ping_timeout ≤ 5m",
    fix: "shorten the ping timeout",
    sources: &[SOCKET_IO_OPTIONS],
    settings: &[PingTimeout, PingInterval],
    check,
};

const LONGEST: Duration = Duration::from_secs(300);

fn check(r: &Reading) -> Verdict {
    let interval = r.duration(PingInterval)?;
    let timeout = r.duration(PingTimeout)?;
    let sum = interval.value.saturating_add(timeout.value);
    demand(sum <= LONGEST, || {
        Violation::warning(format!(
            "a client that vanished counts as connected for {}",
            seconds(sum)
        ))
        .about(timeout.seen)
        .about(interval.seen)
        .needs(format!(
            "ping interval {} + ping timeout {} ≤ {}",
            interval.seen.value,
            timeout.seen.value,
            seconds(LONGEST)
        ))
        .fix(match LONGEST.checked_sub(interval.value) {
            Some(rest) => format!("lower {PingTimeout} to at most {}", seconds(rest)),
            None => format!(
                "lower {PingInterval} and {PingTimeout} to {} together",
                seconds(LONGEST)
            ),
        })
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s};
    cases(
        &RULE,
        &[
            (&[(PingInterval, s(60)), (PingTimeout, s(240))], Holds),
            (&[(PingInterval, s(60)), (PingTimeout, s(241))], Warning),
            (&[(PingInterval, s(301)), (PingTimeout, s(1))], Warning),
            (&[(PingInterval, s(60))], NotSeen),
        ],
    );
}
