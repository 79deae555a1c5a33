//! The load balancer accepts idle timeouts within a range.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "idle-timeout-out-of-range",
    topic: Topic::Heartbeat,
    levels: &[Error],
    summary: "AWS refuses this idle timeout",
    breaks: "The deployment fails while it is applied, with everything rolled back.",
    holds: "1s ≤ load_balancer.idle_timeout ≤ 4000s",
    fix: "choose an idle timeout within the range",
    sources: &[ALB_ATTRIBUTES],
    settings: &[IdleTimeout],
    check: |r| in_range(r, RULE.settings, "AWS"),
};

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s};
    cases(
        &RULE,
        &[
            (&[(IdleTimeout, s(0))], Error),
            (&[(IdleTimeout, s(1))], Holds),
            (&[(IdleTimeout, s(4000))], Holds),
            (&[(IdleTimeout, s(4001))], Error),
        ],
    );
}
