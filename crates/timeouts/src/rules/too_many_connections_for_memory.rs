//! Each connection takes memory.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "too-many-connections-for-memory",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the planned connections do not fit into the task's memory",
    breaks: "The kernel kills the task at its limit, and all its clients reconnect to tasks that \
             are as full. A fifth is left for bursts.",
    holds: "service.connections_per_task × 32 KiB + 64 MiB < 0.8 × (service.memory − \
            service.other_memory)",
    fix: "give the task more memory, or plan fewer connections per task",
    sources: &[MEASURED],
    settings: &[Memory, OtherMemory, ConnectionsPerTask],
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
    // Of containers without a limit nothing can be reckoned.
    let other = r.count(OtherMemory).ok();
    let taken = other.as_ref().map_or(0, |other| other.value);
    let needed = planned
        .value
        .saturating_mul(PER_CONNECTION)
        .saturating_add(BASE);
    let own = memory.value.saturating_sub(taken);
    let usable = own.saturating_mul(KIB * KIB) / 10 * 8;
    demand(needed < usable, || {
        let needed = needed.div_ceil(KIB * KIB);
        let least = needed.saturating_mul(10).div_ceil(8).saturating_add(taken);
        let mut violation = Violation::error(RULE.summary)
            .about(memory.seen)
            .about(planned.seen);
        let mut left = format!("{} MiB", memory.value);
        if let Some(other) = other {
            violation = violation.about(other.seen);
            left = format!("({} − {taken}) MiB", memory.value);
        }
        violation
            .needs(format!(
                "{} × 32 KiB + 64 MiB = {needed} MiB < 0.8 × {left}",
                planned.value
            ))
            .fix(format!("raise {Memory} above {least} MiB"))
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
            (
                &[
                    (ConnectionsPerTask, n(10_000)),
                    (Memory, n(1024)),
                    (OtherMemory, n(256)),
                ],
                Holds,
            ),
            (
                &[
                    (ConnectionsPerTask, n(10_000)),
                    (Memory, n(512)),
                    (OtherMemory, n(256)),
                ],
                Error,
            ),
        ],
    );
}
