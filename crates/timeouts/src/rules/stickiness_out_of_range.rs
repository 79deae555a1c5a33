//! The target group accepts stickiness within a range.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "stickiness-out-of-range",
    topic: Topic::Stickiness,
    levels: &[Error],
    summary: "AWS refuses this stickiness",
    breaks: "The deployment fails while it is applied.",
    holds: "1s ≤ load_balancer.stickiness ≤ 604800s",
    fix: "choose a stickiness within the range",
    sources: &[TARGET_ATTRIBUTES],
    settings: &[Stickiness],
    check: |r| in_range(r, RULE.settings, "AWS"),
};

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s, u};
    cases(
        &RULE,
        &[
            (&[(Stickiness, s(0))], Error),
            (&[(Stickiness, s(1))], Holds),
            (&[(Stickiness, s(604_800))], Holds),
            (&[(Stickiness, s(604_801))], Error),
            (&[(Stickiness, u())], Holds),
        ],
    );
}
