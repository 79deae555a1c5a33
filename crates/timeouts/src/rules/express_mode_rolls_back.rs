//! Express Mode takes answers to clients for faults of a release.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "express-mode-rolls-back",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "Express Mode rolls a deployment back at 1 % of 4xx and 5xx answers",
    breaks: "Each deployment is a canary with 5 % of the traffic, and an alarm on more than 1 % of \
             4xx and 5xx answers ends it. Polls of a session that lives on the other tasks are \
             answered 400, and clients with a key that has expired 401 or 403: a good release is \
             rolled back. Load balancer, stickiness and timeouts are Express Mode's own.",
    holds: "the service is none of Express Mode",
    fix: "run the service as AWS::ECS::Service, with a load balancer and alarms of its own",
    sources: &[ECS_EXPRESS, ENGINE_IO_PROTOCOL],
    settings: &[ExpressMode],
    check,
};

fn check(r: &Reading) -> Verdict {
    let express = r.flag(ExpressMode)?;
    demand(!express.value, || {
        Violation::warning(RULE.summary)
            .about(express.seen)
            .fix(RULE.fix)
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f};
    cases(
        &RULE,
        &[
            (&[(ExpressMode, f(false))], Holds),
            (&[(ExpressMode, f(true))], Warning),
            (&[], NotSeen),
        ],
    );
}
