//! Tasks must share what is published.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "many-tasks-without-shared-store",
    topic: Topic::Shape,
    levels: &[Error, Warning],
    summary: "tasks do not share their messages",
    breaks: "A message that a backend publishes on one task never reaches the clients of another. \
             With one task it shows during deploys, while two overlap.",
    holds: "store is redis where tasks overlap",
    fix: "use Redis as the store",
    sources: &[DELIVERY, SOCKET_IO_NODES],
    settings: &[
        Store,
        TasksMax,
        MaximumPercent,
        DeploymentController,
        DeploymentStrategy,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    if any([redis(r), not(tasks_overlap(r))])? {
        return holds();
    }
    let violation = if several_tasks(r)? {
        Violation::error(RULE.summary).with(r, &[Store, TasksMax])
    } else {
        Violation::warning("old and new task do not share their messages during a deploy")
            .with(r, &[Store, TasksMax, MaximumPercent])
    };
    Ok(vec![violation.fix(format!("set {Store} to redis"))])
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, w};
    cases(
        &RULE,
        &[
            (&[(Store, w("memory")), (TasksMax, n(2))], Error),
            (&[(Store, w("redis")), (TasksMax, n(2))], Holds),
            (
                &[
                    (Store, w("file")),
                    (TasksMax, n(1)),
                    (MaximumPercent, n(200)),
                ],
                Warning,
            ),
            (
                &[
                    (Store, w("file")),
                    (TasksMax, n(1)),
                    (MaximumPercent, n(100)),
                    (DeploymentController, w("ECS")),
                    (DeploymentStrategy, w("ROLLING")),
                ],
                Holds,
            ),
            (&[(TasksMax, n(2))], NotSeen),
        ],
    );
}
