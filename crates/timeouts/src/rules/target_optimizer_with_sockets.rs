//! A limit on the requests in flight of a target is a limit on its sockets.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "target-optimizer-with-sockets",
    topic: Topic::Shape,
    levels: &[Warning],
    summary: "the target optimizer bounds the requests in flight of each task",
    breaks: "Its agent admits 1 request at a time unless told, and 1,000 at most. A WebSocket and a \
             held poll are requests in flight for as long as they last: whoever comes next is \
             refused.",
    holds: "load_balancer.target_control_port is not set",
    fix: "make a target group without TargetControlPort: it cannot be taken away from one",
    sources: &[TARGET_OPTIMIZER, TARGET_AGENT, INFERRED],
    settings: &[TargetControlPort],
    check,
};

fn check(r: &Reading) -> Verdict {
    let port = r.get(TargetControlPort)?;
    demand(r.is_unset(TargetControlPort)?, || {
        Violation::warning(RULE.summary).about(port).fix(RULE.fix)
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, u};
    cases(
        &RULE,
        &[
            (&[(TargetControlPort, n(3000))], Warning),
            (&[(TargetControlPort, u())], Holds),
            (&[], NotSeen),
        ],
    );
}
