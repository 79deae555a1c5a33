//! A short stall must not cost a task its connections.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "hasty-ejection",
    topic: Topic::Health,
    levels: &[Warning],
    summary: "a stall of a few seconds gets a task killed",
    breaks: "ECS replaces a task that its load balancer finds unhealthy, with all its sockets: a \
             pause that clients would not have noticed makes all of them reconnect.",
    holds: "load_balancer.health_check.interval × load_balancer.health_check.unhealthy > 10s",
    fix: "raise the unhealthy threshold or the interval",
    sources: &[HEALTH, ECS_LOAD_BALANCING],
    settings: &[UnhealthyThreshold, HealthCheckInterval],
    check,
};

/// The fastest check that AWS accepts (5 s, twice) is too hasty for tasks that hold connections.
const SHORTEST: Duration = Duration::from_secs(10);

fn check(r: &Reading) -> Verdict {
    let interval = r.duration(HealthCheckInterval)?;
    let unhealthy = r.count(UnhealthyThreshold)?;
    let noticed = interval
        .value
        .saturating_mul(u32::try_from(unhealthy.value).unwrap_or(u32::MAX));
    demand(noticed > SHORTEST, || {
        Violation::warning(RULE.summary)
            .about(unhealthy.seen)
            .about(interval.seen)
            .needs(format!(
                "unhealthy threshold {} × interval {} = {} > {}",
                unhealthy.value,
                interval.seen.value,
                seconds(noticed),
                seconds(SHORTEST)
            ))
            .fix(format!(
                "raise {UnhealthyThreshold} or {HealthCheckInterval}"
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, s};
    let checks = |interval, unhealthy| {
        [
            (HealthCheckInterval, s(interval)),
            (UnhealthyThreshold, n(unhealthy)),
        ]
    };
    cases(
        &RULE,
        &[
            (&checks(5, 3), Holds),
            (&checks(5, 2), Warning),
            (&checks(11, 1), Holds),
            (&[(HealthCheckInterval, s(30))], NotSeen),
        ],
    );
}
