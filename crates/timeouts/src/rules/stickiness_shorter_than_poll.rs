//! Stickiness must outlast the time between two polls.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "stickiness-shorter-than-poll",
    topic: Topic::Stickiness,
    levels: &[Error, Warning],
    summary: "the stickiness can end between two polls",
    breaks: "Each answer renews the cookie, and an answer comes at the next ping at the latest. A \
             stickiness that ends sooner sends the next poll to another task, which answers 400 \
             with `Session ID unknown`.",
    holds: "load_balancer.stickiness > server.ping_interval (error), > server.ping_interval + \
            server.ping_timeout (warning)",
    fix: "lengthen the stickiness",
    sources: &[STICKY, SOCKET_IO_NODES, INFERRED],
    settings: &[
        Stickiness,
        PingInterval,
        PingTimeout,
        Transports,
        TasksMax,
        MaximumPercent,
        DeploymentController,
        DeploymentStrategy,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    if any([not(sticky(r)), not(polling(r)), not(tasks_overlap(r))])? {
        return holds();
    }
    let stickiness = r.duration(Stickiness)?;
    let interval = r.duration(PingInterval)?;
    if stickiness.value <= interval.value {
        return Ok(vec![
            Violation::error(RULE.summary)
                .about(stickiness.seen)
                .about(interval.seen)
                .needs(format!(
                    "stickiness {} > ping interval {}",
                    stickiness.seen.value, interval.seen.value
                ))
                .fix(format!("raise {Stickiness} to 1h")),
        ]);
    }
    let timeout = r.duration(PingTimeout)?;
    demand(
        stickiness.value > interval.value.saturating_add(timeout.value),
        || {
            Violation::warning("the stickiness can end while a slow client is still waited for")
                .about(stickiness.seen)
                .about(interval.seen)
                .about(timeout.seen)
                .needs(format!(
                    "stickiness {} > ping interval {} + ping timeout {}",
                    stickiness.seen.value, interval.seen.value, timeout.seen.value
                ))
                .fix(format!("raise {Stickiness} to 1h"))
        },
    )
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l, n, s, u};
    let polls = |stickiness| {
        [
            (Transports, l(&["polling"])),
            (TasksMax, n(2)),
            (PingInterval, s(60)),
            (PingTimeout, s(20)),
            (Stickiness, stickiness),
        ]
    };
    cases(
        &RULE,
        &[
            (&polls(s(60)), Error),
            (&polls(s(61)), Warning),
            (&polls(s(80)), Warning),
            (&polls(s(81)), Holds),
            (&polls(u()), Holds),
            (
                &[
                    (Transports, l(&["websocket"])),
                    (TasksMax, n(2)),
                    (PingInterval, s(60)),
                    (Stickiness, s(1)),
                ],
                Holds,
            ),
            (
                &[
                    (Transports, l(&["polling"])),
                    (TasksMax, n(2)),
                    (Stickiness, s(1)),
                ],
                NotSeen,
            ),
        ],
    );
}
