//! A service that is scaled must not be told its size.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "desired-count-with-autoscaling",
    topic: Topic::Deploys,
    levels: &[Error],
    summary: "each update of the service resets the number of tasks",
    breaks: "Whatever updates the service, a new task definition for instance, sets DesiredCount \
             again: a service that was scaled out loses tasks, and every connection on them. An \
             update of the stack that leaves the service alone does not.",
    holds: "service.desired_count is not set where service.autoscaling is on",
    fix: "remove DesiredCount; the scalable target's minimum takes its place",
    sources: &[CFN_SERVICE],
    settings: &[DesiredCount, Autoscaling],
    check,
};

fn check(r: &Reading) -> Verdict {
    let scaled = r.flag(Autoscaling).map(|scaled| scaled.value);
    demand(any([not(scaled), r.is_unset(DesiredCount)])?, || {
        Violation::error(RULE.summary)
            .with(r, RULE.settings)
            .fix("remove DesiredCount from the service")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, n, u};
    cases(
        &RULE,
        &[
            (&[(DesiredCount, n(2)), (Autoscaling, f(true))], Error),
            (&[(DesiredCount, u()), (Autoscaling, f(true))], Holds),
            (&[(DesiredCount, n(2)), (Autoscaling, f(false))], Holds),
            (&[(Autoscaling, f(true))], NotSeen),
        ],
    );
}
