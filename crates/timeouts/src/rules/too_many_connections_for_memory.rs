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
    let other = r.count(OtherMemory);
    let taken = other.as_ref().map_or(0, |other| other.value);
    let needed = planned
        .value
        .saturating_mul(PER_CONNECTION)
        .saturating_add(BASE);
    let own = memory.value.saturating_sub(taken);
    let usable = own.saturating_mul(KIB * KIB) / 10 * 8;
    // Too much is too much, whatever others take.
    if needed < usable {
        return other.and_then(|_| holds());
    }
    let needed = needed.div_ceil(KIB * KIB);
    let least = needed.saturating_mul(10).div_ceil(8).saturating_add(taken);
    let mut violation = Violation::error(RULE.summary)
        .about(memory.seen)
        .about(planned.seen);
    let mut left = format!("{} MiB", memory.value);
    if let Ok(other) = other
        && taken > 0
    {
        violation = violation.about(other.seen);
        left = format!("({} − {taken}) MiB", memory.value);
    }
    let needs = format!(
        "{} × 32 KiB + 64 MiB = {needed} MiB < 0.8 × {left}",
        planned.value
    );
    let fix = format!("raise {Memory} above {least} MiB");
    Ok(vec![violation.needs(needs).fix(fix)])
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n};
    let of = |connections, memory, other| {
        [
            (ConnectionsPerTask, n(connections)),
            (Memory, n(memory)),
            (OtherMemory, n(other)),
        ]
    };
    cases(
        &RULE,
        &[
            (&of(10_000, 1024, 0), Holds),
            (&of(24_200, 1024, 0), Error),
            (&of(3_072, 200, 0), Error),
            (&of(3_071, 201, 0), Holds),
            (&of(10_000, 1024, 256), Holds),
            (&of(10_000, 512, 256), Error),
            (&[(Memory, n(1024))], NotSeen),
            (
                &[(ConnectionsPerTask, n(10_000)), (Memory, n(1024))],
                NotSeen,
            ),
            (
                &[(ConnectionsPerTask, n(100_000)), (Memory, n(1024))],
                Error,
            ),
        ],
    );
}
