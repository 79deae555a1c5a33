//! A polling session lives on one task, and each of its requests must reach it.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "polling-without-stickiness",
    topic: Topic::Stickiness,
    levels: &[Error],
    summary: "polling clients are spread over tasks that do not know them",
    breaks: "Each poll is a request of its own. Without stickiness it reaches a task that has \
             never seen the session, which answers 400 with `Session ID unknown`. It shows as \
             soon as two tasks run: in a deploy at the latest. Stickiness helps clients that keep \
             its cookie: in JavaScript they need `withCredentials: true`, in Python a cookie jar. \
             Others see the same error.",
    holds: "server.transports without polling, or floor(service.tasks.max × \
            service.deployment.maximum_percent / 100) ≤ 1, or load_balancer.stickiness on",
    fix: "switch stickiness on, or offer WebSocket alone",
    sources: &[SOCKET_IO_NODES, STICKY, SOCKET_IO_COOKIES],
    settings: &[
        Stickiness,
        Transports,
        TasksMax,
        MaximumPercent,
        DeploymentController,
        DeploymentStrategy,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    demand(
        any([sticky(r), not(polling(r)), not(tasks_overlap(r))])?,
        || {
            Violation::error(RULE.summary)
                .with(r, &[Stickiness, Transports, TasksMax, MaximumPercent])
                .needs("stickiness, when clients may poll and two tasks may run at once")
                .fix(format!(
                    "set {Stickiness} to 1h, or {Transports} to websocket alone"
                ))
        },
    )
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l, n, s, u, w};
    cases(
        &RULE,
        &[
            (
                &[
                    (Transports, l(&["polling"])),
                    (TasksMax, n(2)),
                    (Stickiness, u()),
                ],
                Error,
            ),
            (
                &[
                    (Transports, l(&["polling"])),
                    (TasksMax, n(2)),
                    (Stickiness, s(60)),
                ],
                Holds,
            ),
            (
                &[
                    (Transports, l(&["websocket"])),
                    (TasksMax, n(2)),
                    (Stickiness, u()),
                ],
                Holds,
            ),
            (
                &[
                    (Transports, l(&["polling"])),
                    (TasksMax, n(1)),
                    (MaximumPercent, n(200)),
                    (Stickiness, u()),
                ],
                Error,
            ),
            (
                &[
                    (Transports, l(&["polling"])),
                    (TasksMax, n(1)),
                    (MaximumPercent, n(199)),
                    (DeploymentController, w("ECS")),
                    (DeploymentStrategy, w("ROLLING")),
                    (Stickiness, u()),
                ],
                Holds,
            ),
            (
                &[
                    (Transports, l(&["polling"])),
                    (TasksMax, n(1)),
                    (MaximumPercent, n(100)),
                    (DeploymentStrategy, w("BLUE_GREEN")),
                    (Stickiness, u()),
                ],
                Error,
            ),
            (&[(TasksMax, n(2)), (Stickiness, u())], NotSeen),
        ],
    );
}
