//! The bake time is when long-lived connections leave the old tasks.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "bake-shorter-than-drain",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "ECS removes the old tasks before their clients could leave",
    breaks: "After the shift only new connections go to the new tasks: open sockets stay on the old \
             ones until the bake time ends. Then all of them are cut at once, and come back at \
             once.",
    holds: "service.deployment.bake_time ≥ server.drain, where ECS moves the traffic between two \
            groups",
    fix: "raise BakeTimeInMinutes, and let the old tasks close their sockets one by one in it",
    sources: &[ECS_BLUE_GREEN, INFERRED],
    settings: &[BakeTime, Drain, DeploymentStrategy, DeploymentController],
    check,
};

fn check(r: &Reading) -> Verdict {
    let by_others = not(text_is(r, DeploymentController, "ECS"));
    if any([rolling(r), by_others])? {
        return holds();
    }
    let bake = r.duration(BakeTime)?;
    let drain = r.duration(Drain)?;
    demand(bake.value >= drain.value, || {
        Violation::warning(RULE.summary)
            .about(bake.seen)
            .about(drain.seen)
            .needs(format!(
                "bake time {} ≥ drain {}",
                bake.seen.value, drain.seen.value
            ))
            .fix(format!(
                "raise BakeTimeInMinutes to at least {}",
                drain.value.as_secs().div_ceil(60)
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s, w};
    let baked = |strategy, bake| {
        [
            (DeploymentController, w("ECS")),
            (DeploymentStrategy, w(strategy)),
            (BakeTime, s(bake)),
            (Drain, s(25)),
        ]
    };
    cases(
        &RULE,
        &[
            (&baked("BLUE_GREEN", 0), Warning),
            (&baked("BLUE_GREEN", 60), Holds),
            (&baked("ROLLING", 0), Holds),
            (&baked("CANARY", 0)[..3], NotSeen),
            (&[(DeploymentController, w("CODE_DEPLOY"))], Holds),
        ],
    );
}
