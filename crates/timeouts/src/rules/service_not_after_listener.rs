//! A service can be created only behind a listener.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "service-not-after-listener",
    topic: Topic::Deploys,
    levels: &[Error],
    summary: "the service may be created before its listener",
    breaks: "ECS refuses it: the target group does not have an associated load balancer. It \
             depends on which resource CloudFormation happens to create first.",
    holds: "the service depends on the listener or listener rule that forwards to its target group",
    fix: "add the listener to the service's DependsOn",
    sources: &[CDK_LISTENER, ECS_LOAD_BALANCING],
    settings: &[AfterListener],
    check,
};

fn check(r: &Reading) -> Verdict {
    let after = r.flag(AfterListener)?;
    demand(after.value, || {
        Violation::error(RULE.summary)
            .about(after.seen)
            .fix("name the listener in the service's DependsOn")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f};
    cases(
        &RULE,
        &[
            (&[(AfterListener, f(true))], Holds),
            (&[(AfterListener, f(false))], Error),
        ],
    );
}
