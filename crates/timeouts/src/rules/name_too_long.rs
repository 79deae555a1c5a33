//! Names have a longest length.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "name-too-long",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "AWS refuses this name for its length",
    breaks: "The deployment fails after minutes, when the resource is created.",
    holds: "load balancer and target group ≤ 32 characters, replication group ≤ 40",
    fix: "shorten the name, or leave it out",
    sources: &[CREATE_LOAD_BALANCER, CREATE_TARGET_GROUP, ELASTICACHE_GROUP],
    settings: &[LoadBalancerName, TargetGroupName, ReplicationGroupName],
    check,
};

fn check(r: &Reading) -> Verdict {
    each(
        [
            (LoadBalancerName, 32),
            (TargetGroupName, 32),
            (ReplicationGroupName, 40),
        ]
        .map(|(setting, longest)| {
            if r.is_unset(setting)? {
                return holds();
            }
            let name = r.text(setting)?;
            let length = name.value.chars().count();
            demand(length <= longest, || {
                Violation::error(format!(
                    "AWS refuses this {} for its length",
                    setting.title()
                ))
                .about(name.seen)
                .needs(format!("{length} characters ≤ {longest}"))
                .fix(format!(
                    "shorten it by {}, or leave it out",
                    length - longest
                ))
            })
        }),
    )
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, u, w};
    let names = |balancer: usize, group: usize, store: usize| {
        let name = |length| w(&"a".repeat(length));
        [
            (LoadBalancerName, name(balancer)),
            (TargetGroupName, name(group)),
            (ReplicationGroupName, name(store)),
        ]
    };
    cases(
        &RULE,
        &[
            (&names(32, 32, 40), Holds),
            (&names(33, 32, 40), Error),
            (&names(32, 33, 40), Error),
            (&names(32, 32, 41), Error),
            (
                &[
                    (LoadBalancerName, u()),
                    (TargetGroupName, u()),
                    (ReplicationGroupName, u()),
                ],
                Holds,
            ),
            (&[(LoadBalancerName, u())], NotSeen),
        ],
    );
}
