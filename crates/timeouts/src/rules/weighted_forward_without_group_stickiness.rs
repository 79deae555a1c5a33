//! A forward to several target groups must keep a client on its group.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "weighted-forward-without-group-stickiness",
    topic: Topic::Stickiness,
    levels: &[Error],
    summary: "polls of one session are spread over several target groups",
    breaks: "A forward action chooses a group for each request. A sticky target does not help \
             when the next poll goes to the other group, which answers 400 with `Session ID \
             unknown`.",
    holds: "load_balancer.group_stickiness where a forward has several target groups and clients \
            poll",
    fix: "switch the forward's TargetGroupStickinessConfig on",
    sources: &[STICKY, LISTENER_RULES],
    settings: &[GroupStickiness, ForwardGroups, Transports],
    check,
};

fn check(r: &Reading) -> Verdict {
    let one_group = r.count(ForwardGroups).map(|groups| groups.value <= 1);
    let kept = r.flag(GroupStickiness).map(|kept| kept.value);
    demand(any([one_group, kept, not(polling(r))])?, || {
        Violation::error(RULE.summary)
            .with(r, RULE.settings)
            .fix("set Enabled and DurationSeconds in the forward's TargetGroupStickinessConfig")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, l, n};
    cases(
        &RULE,
        &[
            (
                &[
                    (ForwardGroups, n(2)),
                    (GroupStickiness, f(false)),
                    (Transports, l(&["polling"])),
                ],
                Error,
            ),
            (
                &[
                    (ForwardGroups, n(1)),
                    (GroupStickiness, f(false)),
                    (Transports, l(&["polling"])),
                ],
                Holds,
            ),
            (&[(ForwardGroups, n(2)), (GroupStickiness, f(true))], Holds),
            (
                &[
                    (ForwardGroups, n(2)),
                    (GroupStickiness, f(false)),
                    (Transports, l(&["websocket"])),
                ],
                Holds,
            ),
            (
                &[(ForwardGroups, n(2)), (GroupStickiness, f(false))],
                NotSeen,
            ),
        ],
    );
}
