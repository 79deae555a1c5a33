//! The server must keep idle connections longer than the load balancer does.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "keep-alive-not-above-idle-timeout",
    topic: Topic::Heartbeat,
    levels: &[Error],
    summary: "the server closes idle connections that the load balancer still uses",
    breaks: "The load balancer sends a request on a connection that the server has just closed, \
             and answers it 502. It is rare, unrelated to load, and more frequent when traffic is \
             low.",
    holds: "server.keep_alive > load_balancer.idle_timeout",
    fix: "raise the server's keep-alive above the idle timeout",
    sources: &[ALB_IDLE, ALB_TROUBLE],
    settings: &[KeepAlive, IdleTimeout],
    check,
};

fn check(r: &Reading) -> Verdict {
    let keep_alive = r.duration(KeepAlive)?;
    let idle = r.duration(IdleTimeout)?;
    demand(keep_alive.value > idle.value, || {
        Violation::error(RULE.summary)
            .about(keep_alive.seen)
            .about(idle.seen)
            .needs(format!(
                "keep-alive {} > idle timeout {}",
                keep_alive.seen.value, idle.seen.value
            ))
            .fix(format!(
                "raise {KeepAlive} to at least {}",
                seconds(idle.value.saturating_add(MARGIN))
            ))
    })
}

/// What the fix proposes beyond the bare inequality.
const MARGIN: Duration = Duration::from_secs(10);

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s};
    cases(
        &RULE,
        &[
            (&[(KeepAlive, s(310)), (IdleTimeout, s(310))], Error),
            (&[(KeepAlive, s(311)), (IdleTimeout, s(310))], Holds),
            (&[(KeepAlive, s(5)), (IdleTimeout, s(60))], Error),
            (&[(IdleTimeout, s(60))], NotSeen),
        ],
    );
}
