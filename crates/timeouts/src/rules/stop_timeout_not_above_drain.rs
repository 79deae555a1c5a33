//! The server must have drained before it is killed.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "stop-timeout-not-above-drain",
    topic: Topic::Deploys,
    levels: &[Error],
    summary: "ECS kills the server while it still drains",
    breaks: "SIGKILL comes while clients are being moved: the rest are cut at once and reconnect \
             together. The default of ECS is 30 s.",
    holds: "service.stop_timeout ≥ server.drain + 5s",
    fix: "raise the stop timeout, or shorten the drain",
    sources: &[ECS_CONTAINER],
    settings: &[StopTimeout, Drain],
    check,
};

/// For the exit itself, once the drain is over.
const MARGIN: Duration = Duration::from_secs(5);

fn check(r: &Reading) -> Verdict {
    let stop = r.duration(StopTimeout)?;
    let drain = r.duration(Drain)?;
    let least = drain.value.saturating_add(MARGIN);
    demand(stop.value >= least, || {
        Violation::error(RULE.summary)
            .about(stop.seen)
            .about(drain.seen)
            .needs(format!(
                "stop timeout {} ≥ drain {} + {}",
                stop.seen.value,
                drain.seen.value,
                seconds(MARGIN)
            ))
            .fix(if StopTimeout.admits(least).is_ok() {
                format!("raise {StopTimeout} to at least {}", seconds(least))
            } else {
                format!(
                    "lower {Drain}, since a stop timeout may be {}",
                    StopTimeout.legal().unwrap_or_default()
                )
            })
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s};
    cases(
        &RULE,
        &[
            (&[(StopTimeout, s(30)), (Drain, s(25))], Holds),
            (&[(StopTimeout, s(29)), (Drain, s(25))], Error),
            (&[(StopTimeout, s(120)), (Drain, s(116))], Error),
            (&[(StopTimeout, s(30))], NotSeen),
        ],
    );
}
