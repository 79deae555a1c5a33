//! Fargate offers certain sizes.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "fargate-size-unknown",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "Fargate has no task of this size",
    breaks: "The task definition is refused while it is applied.",
    holds: "on Fargate: 256 CPU units with 512, 1024 or 2048 MiB; 512 with 1-4 GB; 1024 with 2-8; \
            2048 with 4-16; 4096 with 8-30; 8192 with 16-60 by 4; 16384 with 32-120 by 8; 32768 \
            with 60, 120 or 244",
    fix: "choose a size that Fargate has",
    sources: &[ECS_FARGATE, CFN_LINT_SIZES],
    settings: &[Cpu, Memory, LaunchType, CapacityProviders],
    check,
};

/// CPU units, least and most memory, and the step between them, in GB.
const SIZES: [(u64, u64, u64, u64); 6] = [
    (512, 1, 4, 1),
    (1024, 2, 8, 1),
    (2048, 4, 16, 1),
    (4096, 8, 30, 1),
    (8192, 16, 60, 4),
    (16384, 32, 120, 8),
];

fn memories(cpu: u64) -> Vec<u64> {
    let gigabytes = |sizes: Vec<u64>| sizes.into_iter().map(|gb| gb * 1024).collect();
    match cpu {
        256 => vec![512, 1024, 2048],
        32_768 => gigabytes(vec![60, 120, 244]),
        _ => SIZES.iter().find(|size| size.0 == cpu).map_or_else(
            Vec::new,
            |&(_, low, high, step)| {
                gigabytes((low..=high).filter(|gb| (gb - low) % step == 0).collect())
            },
        ),
    }
}

fn check(r: &Reading) -> Verdict {
    if !fargate(r)? {
        return holds();
    }
    let cpu = r.count(Cpu)?;
    let memory = r.count(Memory)?;
    let sizes = memories(cpu.value);
    demand(sizes.contains(&memory.value), || {
        let (about, fix) = match sizes
            .iter()
            .find(|size| **size > memory.value)
            .or(sizes.last())
        {
            Some(size) => (memory, format!("set {Memory} to {size}")),
            None => (
                cpu,
                format!("set {Cpu} to 256, 512, 1024, 2048, 4096, 8192, 16384 or 32768"),
            ),
        };
        let other = if about.seen.setting == Cpu {
            memory
        } else {
            cpu
        };
        Violation::error(format!(
            "Fargate has no task with {} CPU units and {} MiB",
            cpu.value, memory.value
        ))
        .about(about.seen)
        .about(other.seen)
        .fix(fix)
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, w};
    let size = |cpu, memory| {
        [
            (Cpu, n(cpu)),
            (Memory, n(memory)),
            (LaunchType, w("FARGATE")),
        ]
    };
    cases(
        &RULE,
        &[
            (&size(256, 512), Holds),
            (&size(256, 4096), Error),
            (&size(512, 1024), Holds),
            (&size(512, 1000), Error),
            (&size(512, 5120), Error),
            (&size(1000, 2048), Error),
            (&size(8192, 20 * 1024), Holds),
            (&size(8192, 18 * 1024), Error),
            (&size(32_768, 244 * 1024), Holds),
            (
                &[(Cpu, n(1000)), (Memory, n(2048)), (LaunchType, w("EC2"))],
                Holds,
            ),
            (&[(Cpu, n(1000)), (Memory, n(2048))], NotSeen),
        ],
    );
}
