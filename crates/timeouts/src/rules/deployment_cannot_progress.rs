//! A deployment must be able to start or to stop a task.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "deployment-cannot-progress",
    topic: Topic::Deploys,
    levels: &[Error],
    summary: "a deployment can neither start a new task nor stop an old one",
    breaks: "ECS may run no more tasks than the maximum percent and stop none below the minimum \
             percent: 150 % of one task is one task. The deployment hangs until it times out.",
    holds: "for each number of tasks n from service.tasks.min to service.tasks.max: floor(n × \
            maximum percent) > n or ceil(n × minimum percent) < n",
    fix: "raise the maximum percent to 200, or lower the minimum percent",
    sources: &[ECS_DEPLOYMENT],
    settings: &[
        MaximumPercent,
        MinimumHealthyPercent,
        TasksMin,
        TasksMax,
        DeploymentController,
        DeploymentStrategy,
    ],
    check,
};

/// The most tasks that ECS runs in a service, which also bounds the search.
const MOST_TASKS: u64 = 5_000;

fn check(r: &Reading) -> Verdict {
    if !rolling(r)? {
        return holds();
    }
    let most = r.count(MaximumPercent)?;
    let least = r.count(MinimumHealthyPercent)?;
    let (low, high) = (
        r.count(TasksMin)?.value.max(1),
        r.count(TasksMax)?.value.min(MOST_TASKS),
    );
    let stuck = (low..=high).find(|&n| share(n, most.value) <= n && share_up(n, least.value) >= n);
    Ok(stuck
        .map(|n| stuck_at(r, n, most.seen, least.seen))
        .into_iter()
        .collect())
}

fn stuck_at(r: &Reading, tasks: u64, most: &Seen, least: &Seen) -> Violation {
    Violation::error(format!(
        "with {tasks} running, a deployment can neither start a task nor stop one"
    ))
    .about(most)
    .about(least)
    .with(r, &[TasksMin, TasksMax])
    .needs(format!(
        "floor({tasks} × {most} %) > {tasks} or ceil({tasks} × {least} %) < {tasks}",
        most = most.value,
        least = least.value
    ))
    .fix(format!("raise {MaximumPercent} to 200"))
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, w};
    let deploy = |min, max, least, most| {
        [
            (TasksMin, n(min)),
            (TasksMax, n(max)),
            (MinimumHealthyPercent, n(least)),
            (MaximumPercent, n(most)),
            (DeploymentController, w("ECS")),
            (DeploymentStrategy, w("ROLLING")),
        ]
    };
    cases(
        &RULE,
        &[
            (&deploy(1, 1, 100, 150), Error),
            (&deploy(1, 1, 100, 200), Holds),
            (&deploy(1, 4, 51, 150), Error),
            (&deploy(2, 4, 51, 150), Holds),
            (&deploy(2, 2, 50, 100), Holds),
            (&deploy(2, 2, 51, 100), Error),
            (&[(MaximumPercent, n(200))], NotSeen),
            (&[(DeploymentController, w("EXTERNAL"))], Holds),
        ],
    );
}
