//! Each connection takes an open file.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "too-many-connections-for-nofile",
    topic: Topic::Shape,
    levels: &[Error, Warning],
    summary: "a task may not open a file for each of its connections",
    breaks: "Once the limit is reached new clients fail at random, and so do health checks and \
             the store. Tasks without a stated limit have been seen with 1024, where 65535 is \
             documented.",
    holds: "service.connections_per_task + 1000 < service.nofile",
    fix: "state a nofile limit in the container's Ulimits (1048576 at most), or plan fewer \
          connections per task",
    sources: &[ECS_CONTAINER],
    settings: &[Nofile, ConnectionsPerTask],
    check,
};

/// For the store, health checks, the API and files.
const RESERVE: u64 = 1_000;
/// What a task was seen to have where nothing was stated.
const LOWEST: u64 = 1_024;

fn check(r: &Reading) -> Verdict {
    let planned = r.count(ConnectionsPerTask)?;
    let stated = r.get(Nofile)?;
    let (violation, limit) = match r.count(Nofile) {
        Ok(limit) => (Violation::error(RULE.summary), limit.value),
        Err(_) => (
            Violation::warning("the open file limit is not stated, and may be as low as 1024"),
            LOWEST,
        ),
    };
    let needed = planned.value.saturating_add(RESERVE);
    demand(needed < limit, || {
        violation
            .about(stated)
            .about(planned.seen)
            .needs(format!(
                "connections per task {} + {RESERVE} < open file limit {limit}",
                planned.value
            ))
            .fix(format!(
                "set nofile in the container's Ulimits above {needed}"
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, u};
    cases(
        &RULE,
        &[
            (
                &[(ConnectionsPerTask, n(10_000)), (Nofile, n(11_000))],
                Error,
            ),
            (
                &[(ConnectionsPerTask, n(10_000)), (Nofile, n(11_001))],
                Holds,
            ),
            (&[(ConnectionsPerTask, n(10_000)), (Nofile, u())], Warning),
            (&[(ConnectionsPerTask, n(20)), (Nofile, u())], Holds),
            (&[(Nofile, n(65_535))], NotSeen),
        ],
    );
}
