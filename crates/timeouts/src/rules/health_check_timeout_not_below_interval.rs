//! A health check must end before the next one begins.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "health-check-timeout-not-below-interval",
    topic: Topic::Health,
    levels: &[Error],
    summary: "health checks overlap",
    breaks: "AWS refuses the target group, when it is applied. Where no timeout is stated the \
             documents contradict each other (5 s and 6 s), so the longer is assumed.",
    holds: "load_balancer.health_check.timeout < load_balancer.health_check.interval",
    fix: "lower the health check timeout",
    sources: &[CREATE_TARGET_GROUP, HEALTH],
    settings: &[HealthCheckTimeout, HealthCheckInterval],
    check,
};

/// The longer of the two documented defaults.
const ASSUMED: Duration = Duration::from_secs(6);

fn check(r: &Reading) -> Verdict {
    let interval = r.duration(HealthCheckInterval)?;
    let timeout = r.get(HealthCheckTimeout)?;
    let length = r
        .duration(HealthCheckTimeout)
        .map_or(ASSUMED, |timeout| timeout.value);
    demand(length < interval.value, || {
        Violation::error(RULE.summary)
            .about(timeout)
            .about(interval.seen)
            .needs(format!(
                "health check timeout {} < health check interval {}",
                seconds(length),
                interval.seen.value
            ))
            .fix(format!(
                "set {HealthCheckTimeout} below {}",
                interval.seen.value
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s, u};
    cases(
        &RULE,
        &[
            (
                &[(HealthCheckTimeout, s(15)), (HealthCheckInterval, s(15))],
                Error,
            ),
            (
                &[(HealthCheckTimeout, s(14)), (HealthCheckInterval, s(15))],
                Holds,
            ),
            (
                &[(HealthCheckTimeout, u()), (HealthCheckInterval, s(6))],
                Error,
            ),
            (
                &[(HealthCheckTimeout, u()), (HealthCheckInterval, s(30))],
                Holds,
            ),
            (&[(HealthCheckInterval, s(30))], NotSeen),
        ],
    );
}
