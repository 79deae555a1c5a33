//! The target group accepts health checks within ranges.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "health-check-out-of-range",
    topic: Topic::Health,
    levels: &[Error],
    summary: "AWS refuses this health check",
    breaks: "The deployment fails while it is applied.",
    holds: "5s ≤ interval ≤ 300s, 2s ≤ timeout ≤ 120s, 2 ≤ thresholds ≤ 10, matcher within 200-499",
    fix: "choose values within the ranges",
    sources: &[CREATE_TARGET_GROUP],
    settings: &[
        HealthCheckInterval,
        HealthCheckTimeout,
        HealthyThreshold,
        UnhealthyThreshold,
        HealthCheckMatcher,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    let numbers = [
        HealthCheckInterval,
        HealthCheckTimeout,
        HealthyThreshold,
        UnhealthyThreshold,
    ];
    each([in_range(r, &numbers, "AWS"), matcher(r)])
}

fn matcher(r: &Reading) -> Verdict {
    let matcher = r.text(HealthCheckMatcher)?;
    let statuses = matcher
        .value
        .split([',', '-'])
        .map(|status| status.trim().parse::<u16>());
    demand(
        statuses
            .clone()
            .all(|status| status.is_ok_and(|status| (200..=499).contains(&status))),
        || {
            Violation::error("AWS refuses this health check matcher")
                .about(matcher.seen)
                .needs(format!(
                    "statuses from 200 to 499, and is {}",
                    matcher.value
                ))
                .fix(format!("set {HealthCheckMatcher} to 200"))
        },
    )
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, s, w};
    let check = |interval, timeout, healthy, unhealthy, matcher| {
        let times = [
            (HealthCheckInterval, s(interval)),
            (HealthCheckTimeout, s(timeout)),
        ];
        let counts = [
            (HealthyThreshold, n(healthy)),
            (UnhealthyThreshold, n(unhealthy)),
            (HealthCheckMatcher, w(matcher)),
        ];
        [&times[..], &counts].concat()
    };
    cases(
        &RULE,
        &[
            (&check(5, 2, 2, 2, "200"), Holds),
            (&check(300, 120, 10, 10, "200-299,499"), Holds),
            (&check(4, 2, 2, 2, "200"), Error),
            (&check(301, 2, 2, 2, "200"), Error),
            (&check(5, 1, 2, 2, "200"), Error),
            (&check(5, 121, 2, 2, "200"), Error),
            (&check(5, 2, 1, 2, "200"), Error),
            (&check(5, 2, 2, 11, "200"), Error),
            (&check(5, 2, 2, 2, "199"), Error),
            (&check(5, 2, 2, 2, "200-500"), Error),
            (&[(HealthCheckInterval, s(5))], NotSeen),
        ],
    );
}
