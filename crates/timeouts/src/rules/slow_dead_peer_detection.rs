//! A client that vanished must be noticed before long.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "slow-dead-peer-detection",
    topic: Topic::Heartbeat,
    levels: &[Warning],
    summary: "messages are minutes late after a network went silent",
    breaks: "A network may swallow packets without closing connections: a change of Wi-Fi, a NAT \
             that forgets. The client notices when interval and timeout together have passed since \
             the last ping, and no message reaches it before. That sum is the price in lateness: \
             up to 5 minutes with 60s and 4m, up to 45 s with 25s and 20s. The server waits as \
             long: until then the socket takes memory and presence is wrong.",
    holds: "server.ping_interval + server.ping_timeout ≤ 5m",
    fix: "shorten the ping timeout; environments/prompt.yaml has short values, with all that \
          follows from them",
    sources: &[SOCKET_IO_OPTIONS],
    settings: &[PingTimeout, PingInterval],
    check,
};

const LONGEST: Duration = Duration::from_secs(300);

/// How late a message may be for a client whose network went silent: the client notices that no
/// ping comes once `ping_interval + ping_timeout` have passed since the last one, and reconnects.
///
/// # Errors
/// When one of the two was not seen.
pub fn silent_network_lateness(reading: &Reading) -> Result<Duration, NotSeen> {
    let interval = reading.duration(PingInterval)?.value;
    Ok(interval.saturating_add(reading.duration(PingTimeout)?.value))
}

fn check(r: &Reading) -> Verdict {
    let interval = r.duration(PingInterval)?;
    let timeout = r.duration(PingTimeout)?;
    let sum = silent_network_lateness(r)?;
    demand(sum <= LONGEST, || {
        Violation::warning(format!(
            "after a network went silent, a client gets its messages up to {} late",
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
