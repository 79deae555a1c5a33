//! Fargate accepts stop timeouts within a range.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "stop-timeout-out-of-range",
    topic: Topic::Deploys,
    levels: &[Error],
    summary: "Fargate refuses this stop timeout",
    breaks: "The deployment fails while it is applied. EC2 documents no maximum.",
    holds: "2s ≤ service.stop_timeout ≤ 120s on Fargate",
    fix: "choose a stop timeout within the range, and a drain 5s below it",
    sources: &[ECS_CONTAINER],
    settings: &[StopTimeout, LaunchType, CapacityProviders],
    check,
};

fn check(r: &Reading) -> Verdict {
    let refused = in_range(r, &[StopTimeout], "Fargate")?;
    if refused.is_empty() || !fargate(r)? {
        return holds();
    }
    Ok(refused)
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l, s, w};
    cases(
        &RULE,
        &[
            (&[(StopTimeout, s(1)), (LaunchType, w("FARGATE"))], Error),
            (&[(StopTimeout, s(2)), (LaunchType, w("FARGATE"))], Holds),
            (&[(StopTimeout, s(120)), (LaunchType, w("FARGATE"))], Holds),
            (&[(StopTimeout, s(121)), (LaunchType, w("FARGATE"))], Error),
            (
                &[
                    (StopTimeout, s(200)),
                    (CapacityProviders, l(&["FARGATE_SPOT"])),
                ],
                Error,
            ),
            (&[(StopTimeout, s(200)), (LaunchType, w("EC2"))], Holds),
            (&[(StopTimeout, s(200))], NotSeen),
        ],
    );
}
