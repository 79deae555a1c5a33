//! Each connection takes memory.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "too-many-connections-for-memory",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the planned connections do not fit into the task's memory",
    breaks: "The kernel kills the task at its limit, and all its clients reconnect to tasks that \
             are as full. A fifth is left for bursts.",
    holds: "service.connections_per_task × 32 KiB + 64 MiB < 0.8 × service.memory",
    fix: "give the task more memory, or plan fewer connections per task",
    sources: &[MEASURED],
    settings: &[Memory, ConnectionsPerTask],
    check,
};

const KIB: u64 = 1_024;
/// An idle connection of a bare socketioxide server takes 29 KiB; the rest is for what is in
/// flight.
const PER_CONNECTION: u64 = 32 * KIB;
/// The process itself.
const BASE: u64 = 64 * KIB * KIB;

fn check(r: &Reading) -> Verdict {
    let memory = r.count(Memory)?;
    let planned = r.count(ConnectionsPerTask)?;
    let needed = planned
        .value
        .saturating_mul(PER_CONNECTION)
        .saturating_add(BASE);
    let usable = memory.value.saturating_mul(KIB * KIB) / 10 * 8;
    demand(needed < usable, || {
        let needed = needed.div_ceil(KIB * KIB);
        Violation::error(RULE.summary)
            .about(memory.seen)
            .about(planned.seen)
            .needs(format!(
                "{} × 32 KiB + 64 MiB = {needed} MiB < 0.8 × {} MiB",
                planned.value, memory.value
            ))
            .fix(format!(
                "raise {Memory} above {} MiB",
                needed.saturating_mul(10).div_ceil(8)
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n};
    cases(
        &RULE,
        &[
            (&[(ConnectionsPerTask, n(10_000)), (Memory, n(1024))], Holds),
            (&[(ConnectionsPerTask, n(24_200)), (Memory, n(1024))], Error),
            (&[(ConnectionsPerTask, n(3_072)), (Memory, n(200))], Error),
            (&[(ConnectionsPerTask, n(3_071)), (Memory, n(201))], Holds),
            (&[(Memory, n(1024))], NotSeen),
        ],
    );
}
