//! The load balancer accepts client keep-alives within a range.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "client-keep-alive-out-of-range",
    topic: Topic::Heartbeat,
    levels: &[Error],
    summary: "AWS refuses this client keep-alive",
    breaks: "The deployment fails while it is applied. The setting itself ends a client's HTTP \
             connection after one more request; nothing says that it cuts WebSockets.",
    holds: "60s ≤ load_balancer.client_keep_alive ≤ 604800s",
    fix: "choose a client keep-alive within the range",
    sources: &[ALB_ATTRIBUTES],
    settings: &[ClientKeepAlive],
    check: |r| in_range(r, RULE.settings, "AWS"),
};

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s};
    cases(
        &RULE,
        &[
            (&[(ClientKeepAlive, s(59))], Error),
            (&[(ClientKeepAlive, s(60))], Holds),
            (&[(ClientKeepAlive, s(604_800))], Holds),
            (&[(ClientKeepAlive, s(604_801))], Error),
        ],
    );
}
