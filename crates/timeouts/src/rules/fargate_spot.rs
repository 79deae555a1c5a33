//! Spot capacity is taken back while clients are connected.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "fargate-spot",
    topic: Topic::Deploys,
    levels: &[Warning],
    summary: "tasks run on capacity that AWS takes back",
    breaks: "A task gets SIGTERM first and has two minutes at most; all its clients reconnect at \
             a moment that nobody chose.",
    holds: "service.capacity_providers without FARGATE_SPOT",
    fix: "use FARGATE for what holds connections",
    sources: &[FARGATE_STOP],
    settings: &[CapacityProviders],
    check,
};

fn check(r: &Reading) -> Verdict {
    let providers = r.list(CapacityProviders)?;
    demand(
        !providers
            .value
            .iter()
            .any(|provider| provider == "FARGATE_SPOT"),
        || {
            Violation::warning(RULE.summary)
                .about(providers.seen)
                .fix("replace FARGATE_SPOT with FARGATE")
        },
    )
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l};
    cases(
        &RULE,
        &[
            (
                &[(CapacityProviders, l(&["FARGATE", "FARGATE_SPOT"]))],
                Warning,
            ),
            (&[(CapacityProviders, l(&["FARGATE"]))], Holds),
            (&[(CapacityProviders, l(&[]))], Holds),
        ],
    );
}
