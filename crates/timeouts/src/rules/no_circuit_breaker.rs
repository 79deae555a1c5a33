//! A failing deployment must be stopped and rolled back.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "no-circuit-breaker",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "nothing stops a deployment whose tasks do not start",
    breaks: "ECS starts failing tasks again and again, and CloudFormation waits about three hours \
             before it gives up.",
    holds: "service.circuit_breaker with rollback on",
    fix: "set DeploymentCircuitBreaker to enabled with rollback",
    sources: &[ECS_BREAKER],
    settings: &[CircuitBreaker],
    check,
};

fn check(r: &Reading) -> Verdict {
    let breaker = r.flag(CircuitBreaker)?;
    demand(breaker.value, || {
        Violation::warning(RULE.summary)
            .about(breaker.seen)
            .fix("set Enable and Rollback of DeploymentCircuitBreaker to true")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f};
    cases(
        &RULE,
        &[
            (&[(CircuitBreaker, f(true))], Holds),
            (&[(CircuitBreaker, f(false))], Warning),
        ],
    );
}
