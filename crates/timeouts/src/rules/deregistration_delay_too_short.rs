//! Long-lived connections need time to move.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "deregistration-delay-too-short",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "open connections are broken as soon as a task is deregistered",
    breaks: "A deploy cuts streams and requests in flight. AWS advises delays of a few seconds \
             for short requests only, not for long-lived connections.",
    holds: "load_balancer.deregistration_delay ≥ 10s",
    fix: "raise the deregistration delay",
    sources: &[ECS_DRAINING],
    settings: &[DeregistrationDelay],
    check,
};

const SHORTEST: Duration = Duration::from_secs(10);

fn check(r: &Reading) -> Verdict {
    let delay = r.duration(DeregistrationDelay)?;
    demand(delay.value >= SHORTEST, || {
        Violation::warning(RULE.summary)
            .about(delay.seen)
            .needs(format!(
                "deregistration delay {} ≥ {}",
                delay.seen.value,
                seconds(SHORTEST)
            ))
            .fix(format!("raise {DeregistrationDelay} to 30s"))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s};
    cases(
        &RULE,
        &[
            (&[(DeregistrationDelay, s(9))], Warning),
            (&[(DeregistrationDelay, s(10))], Holds),
        ],
    );
}
