//! Stickiness needs cross-zone load balancing on the target group.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "sticky-without-cross-zone",
    topic: Topic::Stickiness,
    levels: &[Error],
    summary: "the target group is sticky with cross-zone load balancing off",
    breaks: "AWS refuses the combination.",
    holds: "load_balancer.cross_zone is not false where load_balancer.stickiness is on",
    fix: "leave the target group's cross-zone attribute out, or set it to \
          use_load_balancer_configuration",
    sources: &[STICKY, TARGET_ATTRIBUTES],
    settings: &[CrossZone, Stickiness],
    check,
};

fn check(r: &Reading) -> Verdict {
    let off = any([text_is(r, CrossZone, "false"), text_is(r, CrossZone, "off")]);
    demand(any([not(sticky(r)), not(off)])?, || {
        Violation::error(RULE.summary)
            .with(r, RULE.settings)
            .fix(format!(
                "set {CrossZone} to use_load_balancer_configuration, or switch {Stickiness} off"
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s, u, w};
    cases(
        &RULE,
        &[
            (&[(CrossZone, w("false")), (Stickiness, s(60))], Error),
            (&[(CrossZone, w("true")), (Stickiness, s(60))], Holds),
            (
                &[
                    (CrossZone, w("use_load_balancer_configuration")),
                    (Stickiness, s(60)),
                ],
                Holds,
            ),
            (&[(CrossZone, w("false")), (Stickiness, u())], Holds),
            (&[(Stickiness, s(60))], NotSeen),
        ],
    );
}
