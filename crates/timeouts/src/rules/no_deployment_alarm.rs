//! A deployment must be guarded by what its users feel.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "no-deployment-alarm",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "no alarm guards the deployment",
    breaks: "The circuit breaker sees tasks that do not start. It does not see a release that \
             starts well and refuses connects or makes every client reconnect.",
    holds: "service.deployment_alarms names one alarm at least",
    fix: "name an alarm on refused connects, reconnects or 5xx in DeploymentConfiguration Alarms",
    sources: &[ECS_ALARMS],
    settings: &[DeploymentAlarms],
    check,
};

fn check(r: &Reading) -> Verdict {
    let alarms = r.list(DeploymentAlarms)?;
    demand(!alarms.value.is_empty(), || {
        Violation::warning(RULE.summary)
            .about(alarms.seen)
            .fix(RULE.fix)
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l};
    cases(
        &RULE,
        &[
            (&[(DeploymentAlarms, l(&["reconnects"]))], Holds),
            (&[(DeploymentAlarms, l(&[]))], Warning),
        ],
    );
}
