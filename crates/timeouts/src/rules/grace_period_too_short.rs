//! A task must be allowed to start before it is judged.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "grace-period-too-short",
    topic: Topic::Health,
    levels: &[Error, Warning],
    summary: "ECS judges tasks before they have started",
    breaks: "A new task needs one passing check. Failing checks outside of the grace period get \
             it killed, and its successor too: every deploy loops. The default is no grace at all.",
    holds: "server.start_up ≤ service.health_check_grace_period + interval × unhealthy (error), \
            server.start_up + interval ≤ service.health_check_grace_period (warning)",
    fix: "raise the grace period",
    sources: &[ECS_SERVICE, HEALTH, INFERRED],
    settings: &[
        GracePeriod,
        StartUp,
        HealthCheckInterval,
        UnhealthyThreshold,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    let grace = r.duration(GracePeriod)?;
    let start_up = r.duration(StartUp)?;
    let interval = r.duration(HealthCheckInterval)?;
    let unhealthy = r.count(UnhealthyThreshold)?;
    let checks = u32::try_from(unhealthy.value).unwrap_or(u32::MAX);
    let killed_at = grace
        .value
        .saturating_add(interval.value.saturating_mul(checks));
    let least = start_up.value.saturating_add(interval.value);
    let found = |violation: Violation| {
        vec![
            violation
                .about(grace.seen)
                .about(start_up.seen)
                .about(interval.seen)
                .about(unhealthy.seen)
                .fix(format!(
                    "raise {GracePeriod} to at least {}",
                    seconds(least)
                )),
        ]
    };
    if start_up.value > killed_at {
        Ok(found(
            Violation::error("ECS kills tasks before they have started").needs(format!(
                "start-up {} ≤ grace period {} + {checks} × interval {}",
                start_up.seen.value, grace.seen.value, interval.seen.value
            )),
        ))
    } else if least > grace.value {
        Ok(found(Violation::warning(RULE.summary).needs(format!(
            "start-up {} + interval {} ≤ grace period {}",
            start_up.seen.value, interval.seen.value, grace.seen.value
        ))))
    } else {
        holds()
    }
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, s};
    let starts = |start_up, grace| {
        [
            (StartUp, s(start_up)),
            (GracePeriod, s(grace)),
            (HealthCheckInterval, s(15)),
            (UnhealthyThreshold, n(2)),
        ]
    };
    cases(
        &RULE,
        &[
            (&starts(31, 0), Error),
            (&starts(30, 0), Warning),
            (&starts(30, 44), Warning),
            (&starts(30, 45), Holds),
            (
                &[
                    (GracePeriod, s(0)),
                    (HealthCheckInterval, s(15)),
                    (UnhealthyThreshold, n(2)),
                ],
                NotSeen,
            ),
        ],
    );
}
