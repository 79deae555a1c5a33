//! Tasks must run in the load balancer's zones.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "task-zones-outside-balancer",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "tasks run in a zone that the load balancer does not serve",
    breaks: "Their targets stay `unused`: the tasks start, are never healthy and never get a \
             connection.",
    holds: "each of network.task_zones is one of network.zones",
    fix: "give the load balancer a subnet in that zone, or take the tasks' subnet away",
    sources: &[TARGET_GROUPS],
    settings: &[TaskZones, BalancerZones],
    check,
};

fn check(r: &Reading) -> Verdict {
    let tasks = r.list(TaskZones)?;
    let balancer = r.list(BalancerZones)?;
    let outside: Vec<_> = tasks
        .value
        .iter()
        .filter(|zone| !balancer.value.contains(zone))
        .map(String::as_str)
        .collect();
    demand(outside.is_empty(), || {
        Violation::error(RULE.summary)
            .about(tasks.seen)
            .about(balancer.seen)
            .fix(format!(
                "add a subnet in {} to {Subnets}",
                outside.join(", ")
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l};
    cases(
        &RULE,
        &[
            (
                &[(TaskZones, l(&["a", "b"])), (BalancerZones, l(&["a", "b"]))],
                Holds,
            ),
            (
                &[(TaskZones, l(&["a"])), (BalancerZones, l(&["a", "b"]))],
                Holds,
            ),
            (
                &[(TaskZones, l(&["a", "c"])), (BalancerZones, l(&["a", "b"]))],
                Error,
            ),
            (&[(TaskZones, l(&["a"]))], NotSeen),
        ],
    );
}
