//! A client must not stay on a target group longer than its tasks do.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "group-stickiness-outlives-bake",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "clients stay on a target group whose tasks a deployment has removed",
    breaks: "Group stickiness outranks weights: a client with the cookie still goes to the old \
             group after ECS has emptied it, and gets 503 until the cookie ends.",
    holds: "load_balancer.group_stickiness_duration ≤ service.deployment.bake_time, where ECS moves \
            the traffic between two groups",
    fix: "lower DurationSeconds of the group stickiness, or raise BakeTimeInMinutes",
    sources: &[STICKY, ECS_BLUE_GREEN, INFERRED],
    settings: &[
        GroupStickinessDuration,
        GroupStickiness,
        BakeTime,
        DeploymentStrategy,
        DeploymentController,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    let kept = r.flag(GroupStickiness).map(|kept| kept.value);
    let by_others = not(text_is(r, DeploymentController, "ECS"));
    if any([not(kept), rolling(r), by_others])? {
        return holds();
    }
    let kept = r.duration(GroupStickinessDuration)?;
    let bake = r.duration(BakeTime)?;
    demand(kept.value <= bake.value, || {
        Violation::warning(RULE.summary)
            .about(kept.seen)
            .about(bake.seen)
            .needs(format!(
                "group stickiness {} ≤ bake time {}",
                kept.seen.value, bake.seen.value
            ))
            .fix(format!(
                "lower DurationSeconds to {}",
                bake.value.as_secs().max(1)
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, s, w};
    let kept = |strategy, duration, bake| {
        [
            (DeploymentController, w("ECS")),
            (DeploymentStrategy, w(strategy)),
            (GroupStickiness, f(true)),
            (GroupStickinessDuration, s(duration)),
            (BakeTime, s(bake)),
        ]
    };
    cases(
        &RULE,
        &[
            (&kept("BLUE_GREEN", 601, 600), Warning),
            (&kept("CANARY", 600, 600), Holds),
            (&kept("ROLLING", 3600, 0), Holds),
            (&kept("LINEAR", 600, 600)[..4], NotSeen),
            (&[(GroupStickiness, f(false))], Holds),
        ],
    );
}
