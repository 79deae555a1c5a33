//! An upgrade must be given up by the server, not by the load balancer.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "upgrade-timeout-above-idle-timeout",
    topic: Topic::Heartbeat,
    levels: &[Warning],
    summary: "the load balancer gives up an upgrade to WebSocket before the server does",
    breaks: "A slow upgrade is cut in the middle, so the client neither falls back to polling in \
             order nor sees why.",
    holds: "server.upgrade_timeout < load_balancer.idle_timeout",
    fix: "shorten the upgrade timeout, or raise the idle timeout",
    sources: &[SOCKET_IO_OPTIONS, ALB_IDLE],
    settings: &[UpgradeTimeout, IdleTimeout],
    check,
};

fn check(r: &Reading) -> Verdict {
    let upgrade = r.duration(UpgradeTimeout)?;
    let idle = r.duration(IdleTimeout)?;
    demand(upgrade.value < idle.value, || {
        Violation::warning(RULE.summary)
            .about(upgrade.seen)
            .about(idle.seen)
            .needs(format!(
                "upgrade timeout {} < idle timeout {}",
                upgrade.seen.value, idle.seen.value
            ))
            .fix(format!("lower {UpgradeTimeout} below {}", idle.seen.value))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s};
    cases(
        &RULE,
        &[
            (&[(UpgradeTimeout, s(9)), (IdleTimeout, s(10))], Holds),
            (&[(UpgradeTimeout, s(10)), (IdleTimeout, s(10))], Warning),
            (&[(IdleTimeout, s(10))], NotSeen),
        ],
    );
}
