//! A failing deployment must be stopped and rolled back.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "no-circuit-breaker",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "nothing stops a deployment whose tasks do not start",
    breaks: "ECS starts failing tasks again and again, and CloudFormation waits about three hours \
             before it gives up.",
    holds: "service.circuit_breaker with rollback on, for rolling updates",
    fix: "set DeploymentCircuitBreaker to enabled with rollback",
    sources: &[ECS_BREAKER],
    settings: &[CircuitBreaker, DeploymentController, DeploymentStrategy],
    check,
};

fn check(r: &Reading) -> Verdict {
    let on = r.flag(CircuitBreaker).map(|breaker| breaker.value);
    demand(any([on, not(rolling(r))])?, || {
        Violation::warning(RULE.summary)
            .with(r, &[CircuitBreaker])
            .fix("set Enable and Rollback of DeploymentCircuitBreaker to true")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, w};
    let deployed = |by, strategy, on| {
        [
            (DeploymentController, w(by)),
            (DeploymentStrategy, w(strategy)),
            (CircuitBreaker, f(on)),
        ]
    };
    cases(
        &RULE,
        &[
            (&[(CircuitBreaker, f(true))], Holds),
            (&[(CircuitBreaker, f(false))], NotSeen),
            (&deployed("ECS", "ROLLING", false), Warning),
            (&deployed("ECS", "BLUE_GREEN", false), Holds),
            (&deployed("CODE_DEPLOY", "ROLLING", false), Holds),
        ],
    );
}
