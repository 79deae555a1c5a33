//! While ECS shifts the traffic part by part, a client that polls must stay on its target group.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "traffic-shift-without-group-stickiness",
    topic: Topic::Stickiness,
    levels: &[Error],
    summary: "polls of one session go to old and new tasks while a deployment shifts the traffic",
    breaks: "A linear or canary deployment makes ECS set the weights of two target groups, and the \
             load balancer picks a group for each request. A poll that goes to the other group is \
             answered 400 with `Session ID unknown`, for as long as the shift lasts. What weights \
             the template states says nothing: ECS rewrites them.",
    holds: "load_balancer.group_stickiness where service.deployment.strategy is LINEAR or CANARY \
            and clients poll",
    fix: "switch the forward's TargetGroupStickinessConfig on, or use BLUE_GREEN",
    sources: &[CFN_LINEAR, CFN_CANARY, STICKY],
    settings: &[
        GroupStickiness,
        DeploymentStrategy,
        DeploymentController,
        Transports,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    let kept = r.flag(GroupStickiness).map(|kept| kept.value);
    let at_once = not(shifts_in_parts(r));
    demand(any([at_once, kept, not(polling(r))])?, || {
        Violation::error(RULE.summary)
            .with(r, &[GroupStickiness, DeploymentStrategy, Transports])
            .fix("set Enabled and DurationSeconds in the forward's TargetGroupStickinessConfig")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, l, w};
    let shift = |strategy, sticky, transports: &[&str]| {
        [
            (DeploymentController, w("ECS")),
            (DeploymentStrategy, w(strategy)),
            (GroupStickiness, f(sticky)),
            (Transports, l(transports)),
        ]
    };
    let both = &["polling", "websocket"];
    cases(
        &RULE,
        &[
            (&shift("CANARY", false, both), Error),
            (&shift("LINEAR", false, both), Error),
            (&shift("LINEAR", true, both), Holds),
            (&shift("LINEAR", false, &["websocket"]), Holds),
            (&shift("BLUE_GREEN", false, both), Holds),
            (&shift("ROLLING", false, both), Holds),
            (&shift("CANARY", false, both)[..3], NotSeen),
        ],
    );
}
