//! A deployment must end before CloudFormation gives up on it.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "deploy-longer-than-its-limit",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "a deployment takes longer than CloudFormation waits for it",
    breaks: "ECS replaces tasks in batches and waits out the whole deregistration delay of each, \
             even when no connection is left. Deploys seem stuck, and past three hours \
             CloudFormation rolls a healthy one back.",
    holds: "rounds × (start-up or grace period + health check interval + deregistration delay + \
            stop timeout) < 3h, rounds = ceil(tasks / (floor(tasks × maximum percent) − \
            ceil(tasks × minimum percent)))",
    fix: "shorten the deregistration delay, or allow larger batches",
    sources: &[ECS_DEPLOYMENT, CFN_SERVICE],
    settings: &[
        DeregistrationDelay,
        StopTimeout,
        HealthCheckInterval,
        StartUp,
        GracePeriod,
        TasksMax,
        MaximumPercent,
        MinimumHealthyPercent,
        DeploymentController,
        DeploymentStrategy,
    ],
    check,
};

/// How long CloudFormation waits for a service to become stable.
const LIMIT: Duration = Duration::from_secs(3 * 3600);

fn check(r: &Reading) -> Verdict {
    if !rolling(r)? {
        return holds(); // bake-times-beyond-limit
    }
    let delay = r.duration(DeregistrationDelay)?;
    let stop = r.duration(StopTimeout)?;
    let interval = r.duration(HealthCheckInterval)?;
    // Whoever chose a grace period meant it to cover the start.
    r.settled(StartUp)?;
    let start_up = r.duration(StartUp).or_else(|_| r.duration(GracePeriod))?;
    let tasks = r.count(TasksMax)?;
    let batch = share(tasks.value, r.count(MaximumPercent)?.value)
        .saturating_sub(share_up(tasks.value, r.count(MinimumHealthyPercent)?.value));
    if batch == 0 {
        return holds(); // deployment-cannot-progress
    }
    let rounds = u32::try_from(tasks.value.div_ceil(batch)).unwrap_or(u32::MAX);
    let round = [start_up.value, interval.value, delay.value, stop.value]
        .into_iter()
        .fold(Duration::ZERO, Duration::saturating_add);
    let total = round.saturating_mul(rounds);
    demand(total < LIMIT, || {
        Violation::warning(RULE.summary)
            .about(delay.seen)
            .about(start_up.seen)
            .about(interval.seen)
            .about(stop.seen)
            .with(r, &[TasksMax, MaximumPercent, MinimumHealthyPercent])
            .needs(format!(
                "{rounds} rounds × {} = {} < {}",
                seconds(round),
                seconds(total),
                seconds(LIMIT)
            ))
            .fix(format!(
                "lower {DeregistrationDelay}, or raise {MaximumPercent}"
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, s, w};
    let deploy = |delay, tasks| {
        let round = [
            (DeregistrationDelay, s(delay)),
            (StopTimeout, s(30)),
            (HealthCheckInterval, s(30)),
            (GracePeriod, s(0)),
        ];
        [
            &round[..],
            &[
                (TasksMax, n(tasks)),
                (MaximumPercent, n(110)),
                (MinimumHealthyPercent, n(100)),
                (DeploymentController, w("ECS")),
                (DeploymentStrategy, w("ROLLING")),
            ],
        ]
        .concat()
    };
    cases(
        &RULE,
        &[
            (&deploy(1020, 10), Warning),
            (&deploy(1019, 10), Holds),
            (&deploy(3600, 1), Holds),
            (&deploy(3600, 100), Warning),
            (&[(DeregistrationDelay, s(300))], NotSeen),
        ],
    );
}
