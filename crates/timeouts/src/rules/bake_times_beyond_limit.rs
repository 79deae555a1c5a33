//! The bake times of a deployment must fit the time that CloudFormation gives it.

use super::prelude::*;

/// "CloudFormation rejects deployments when the calculated deployment time exceeds 33 hours".
const LONGEST: Duration = Duration::from_secs(33 * 3_600);

pub(super) const RULE: Rule = Rule {
    name: "bake-times-beyond-limit",
    topic: Topic::Deploys,
    levels: &[Error],
    summary: "CloudFormation refuses bake times of more than 33 hours together",
    breaks: "The update is refused. What takes less may still run into the end of the operation \
             after 36 hours, since tasks start and hooks run beside: then it is rolled back.",
    holds: "service.deployment.bake_time + the bake times of all steps ≤ 33 h, for LINEAR and CANARY",
    fix: "lower the bake times, or take fewer steps",
    sources: &[CFN_CANARY, CFN_LINEAR],
    settings: &[
        BakeTime,
        CanaryBakeTime,
        StepBakeTime,
        StepPercent,
        DeploymentStrategy,
        DeploymentController,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    if !shifts_in_parts(r)? {
        return holds();
    }
    let bake = r.duration(BakeTime)?;
    let (step, steps) = if text_is(r, DeploymentStrategy, "CANARY")? {
        (r.duration(CanaryBakeTime)?, 1)
    } else {
        let percent = r.count(StepPercent)?.value.max(1);
        // The last step is followed by the bake time.
        let steps = match 100 % percent {
            0 => 100 / percent - 1,
            _ => 100 / percent,
        };
        (r.duration(StepBakeTime)?, u32::try_from(steps).unwrap_or(0))
    };
    let total = bake.value.saturating_add(step.value.saturating_mul(steps));
    demand(total <= LONGEST, || {
        Violation::error(RULE.summary)
            .about(step.seen)
            .about(bake.seen)
            .with(r, &[DeploymentStrategy])
            .needs(format!(
                "{} + {steps} × {} = {} ≤ {}",
                bake.seen.value,
                step.seen.value,
                seconds(total),
                seconds(LONGEST)
            ))
            .fix("lower the bake times, or take fewer steps")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, s, w};
    let hours = |hours: u64| s(hours * 3_600);
    let canary = |bake, first| {
        [
            (DeploymentController, w("ECS")),
            (DeploymentStrategy, w("CANARY")),
            (BakeTime, hours(bake)),
            (CanaryBakeTime, hours(first)),
        ]
    };
    let linear = |bake, step, percent| {
        [
            (DeploymentController, w("ECS")),
            (DeploymentStrategy, w("LINEAR")),
            (BakeTime, hours(bake)),
            (StepBakeTime, hours(step)),
            (StepPercent, n(percent)),
        ]
    };
    cases(
        &RULE,
        &[
            (&canary(24, 9), Holds),
            (&canary(24, 10), Error),
            (&linear(24, 9, 50), Holds),
            (&linear(24, 4, 33), Error),
            (&linear(24, 3, 33), Holds),
            (&linear(24, 1, 10), Holds),
            (&linear(24, 2, 10), Error),
            (&canary(24, 9)[..3], NotSeen),
            (&[(DeploymentStrategy, w("ROLLING"))], Holds),
        ],
    );
}
