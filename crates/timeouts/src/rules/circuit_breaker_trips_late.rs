//! A circuit breaker must not let more tasks fail than AWS's own bound.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "circuit-breaker-trips-late",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "the circuit breaker lets too many tasks fail",
    breaks: "Each task that fails may have taken clients, who connect again elsewhere. By default \
             the deployment stops after failures of half of the desired tasks, 200 at most; a \
             threshold of one's own has no such bound.",
    holds: "service.circuit_breaker_threshold.type is BOUNDED_PERCENT, or 200 failures at most stop \
            a rolling update",
    fix: "leave ThresholdConfiguration out, or lower its value",
    sources: &[ECS_BREAKER_THRESHOLD, ECS_BREAKER],
    settings: &[
        BreakerThreshold,
        BreakerThresholdType,
        CircuitBreaker,
        DeploymentController,
        DeploymentStrategy,
        TasksMax,
    ],
    check,
};

/// The most failures that AWS's default lets pass.
const MOST: u64 = 200;

fn check(r: &Reading) -> Verdict {
    let on = r.flag(CircuitBreaker).map(|breaker| breaker.value);
    let bounded = text_is(r, BreakerThresholdType, "BOUNDED_PERCENT");
    demand(any([bounded, is_low(r), not(on), not(rolling(r))])?, || {
        Violation::warning(RULE.summary)
            .with(r, &[BreakerThreshold, BreakerThresholdType])
            .needs(format!("{MOST} failures at most"))
            .fix("leave ThresholdConfiguration out: half of the tasks, 3 to 200")
    })
}

/// Whether few failures stop the deployment: a number of them, or a share of the desired tasks.
fn is_low(r: &Reading) -> Fact {
    let value = r.count(BreakerThreshold)?.value;
    let failures = match text_is(r, BreakerThresholdType, "COUNT")? {
        true => value,
        false => share(r.count(TasksMax)?.value, value),
    };
    Ok(failures <= MOST)
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, n, w};
    let of = |kind, value| {
        [
            (DeploymentController, w("ECS")),
            (DeploymentStrategy, w("ROLLING")),
            (CircuitBreaker, f(true)),
            (TasksMax, n(1000)),
            (BreakerThresholdType, w(kind)),
            (BreakerThreshold, n(value)),
        ]
    };
    cases(
        &RULE,
        &[
            (&of("BOUNDED_PERCENT", 100), Holds),
            (&of("COUNT", 200), Holds),
            (&of("COUNT", 201), Warning),
            (&of("UNBOUNDED_PERCENT", 20), Holds),
            (&of("UNBOUNDED_PERCENT", 50), Warning),
            (&of("COUNT", 201)[..5], NotSeen),
            (&[(BreakerThresholdType, w("BOUNDED_PERCENT"))], Holds),
        ],
    );
}
