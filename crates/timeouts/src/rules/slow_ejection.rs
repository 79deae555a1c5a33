//! A dead task must be taken out soon.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "slow-ejection",
    topic: Topic::Health,
    levels: &[Warning],
    summary: "a dead task gets traffic for more than a minute",
    breaks: "New connections and API calls that reach it fail, until enough health checks have \
             failed.",
    holds: "load_balancer.health_check.interval × load_balancer.health_check.unhealthy ≤ 60s",
    fix: "lower the unhealthy threshold or the interval",
    sources: &[HEALTH, ECS_LOAD_BALANCING],
    settings: &[UnhealthyThreshold, HealthCheckInterval],
    check,
};

const LONGEST: Duration = Duration::from_secs(60);

fn check(r: &Reading) -> Verdict {
    let interval = r.duration(HealthCheckInterval)?;
    let unhealthy = r.count(UnhealthyThreshold)?;
    let noticed = interval
        .value
        .saturating_mul(u32::try_from(unhealthy.value).unwrap_or(u32::MAX));
    demand(noticed <= LONGEST, || {
        Violation::warning(RULE.summary)
            .about(unhealthy.seen)
            .about(interval.seen)
            .needs(format!(
                "unhealthy threshold {} × interval {} = {} ≤ {}",
                unhealthy.value,
                interval.seen.value,
                seconds(noticed),
                seconds(LONGEST)
            ))
            .fix(format!(
                "lower {UnhealthyThreshold} or {HealthCheckInterval}"
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
            (&checks(30, 2), Holds),
            (&checks(61, 1), Warning),
            (&checks(30, 3), Warning),
            (&[(HealthCheckInterval, s(30))], NotSeen),
        ],
    );
}
