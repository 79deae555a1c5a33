//! A deployment must not count as done while its old tasks still have clients.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "early-success-unguarded",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "the deployment counts as done before the old tasks have left",
    breaks: "With early success and deferred clean-up, circuit breaker and alarms stop guarding \
             when the new tasks are healthy. The reconnects come after it, when the old tasks are \
             removed: a storm of them rolls nothing back.",
    holds: "service.deployment.early_success is off, or service.deployment.source_cleanup is \
            BLOCKING",
    fix: "set SourceServiceRevisionCleanup to BLOCKING, or ignore this rule with a reason",
    sources: &[ECS_EARLY_SUCCESS],
    settings: &[
        EarlySuccess,
        SourceCleanup,
        DeploymentStrategy,
        DeploymentController,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    let early = r.flag(EarlySuccess).map(|early| early.value);
    let blocking = text_is(r, SourceCleanup, "BLOCKING");
    demand(any([not(early), blocking, not(rolling(r))])?, || {
        Violation::warning(RULE.summary)
            .with(r, &[SourceCleanup, EarlySuccess])
            .fix("set SourceServiceRevisionCleanup to BLOCKING")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, w};
    let early = |on, cleanup| {
        [
            (DeploymentController, w("ECS")),
            (DeploymentStrategy, w("ROLLING")),
            (EarlySuccess, f(on)),
            (SourceCleanup, w(cleanup)),
        ]
    };
    cases(
        &RULE,
        &[
            (&early(true, "DEFERRED"), Warning),
            (&early(true, "BLOCKING"), Holds),
            (&early(false, "DEFERRED"), Holds),
            (&early(true, "DEFERRED")[..3], NotSeen),
        ],
    );
}
