//! The target group accepts deregistration delays within a range.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "deregistration-delay-out-of-range",
    topic: Topic::Deploys,
    levels: &[Error],
    summary: "AWS refuses this deregistration delay",
    breaks: "The deployment fails while it is applied.",
    holds: "0s ≤ load_balancer.deregistration_delay ≤ 3600s",
    fix: "choose a deregistration delay within the range",
    sources: &[TARGET_ATTRIBUTES],
    settings: &[DeregistrationDelay],
    check: |r| in_range(r, RULE.settings, "AWS"),
};

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s};
    cases(
        &RULE,
        &[
            (&[(DeregistrationDelay, s(0))], Holds),
            (&[(DeregistrationDelay, s(3600))], Holds),
            (&[(DeregistrationDelay, s(3601))], Error),
        ],
    );
}
