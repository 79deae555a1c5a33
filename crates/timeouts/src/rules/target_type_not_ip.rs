//! Tasks with their own network interface are targets by address.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "target-type-not-ip",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "tasks with their own network interface cannot be targets of this type",
    breaks: "ECS refuses the service: awsvpc needs the target type ip.",
    holds: "load_balancer.target_type is ip where service.network_mode is awsvpc",
    fix: "set the target group's TargetType to ip",
    sources: &[ECS_LOAD_BALANCING],
    settings: &[TargetType, NetworkMode],
    check,
};

fn check(r: &Reading) -> Verdict {
    demand(
        any([
            not(text_is(r, NetworkMode, "awsvpc")),
            text_is(r, TargetType, "ip"),
        ])?,
        || {
            Violation::error(RULE.summary)
                .with(r, RULE.settings)
                .fix("set TargetType of the target group to ip")
        },
    )
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, w};
    cases(
        &RULE,
        &[
            (&[(NetworkMode, w("awsvpc")), (TargetType, w("ip"))], Holds),
            (
                &[(NetworkMode, w("awsvpc")), (TargetType, w("instance"))],
                Error,
            ),
            (
                &[(NetworkMode, w("bridge")), (TargetType, w("instance"))],
                Holds,
            ),
            (&[(NetworkMode, w("awsvpc"))], NotSeen),
        ],
    );
}
