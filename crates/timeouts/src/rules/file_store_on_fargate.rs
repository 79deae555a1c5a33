//! A file on Fargate dies with its task.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "file-store-on-fargate",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "messages are kept on a disk that dies with the task",
    breaks: "Each deploy and each replaced task loses every message that was stored.",
    holds: "store is not file on Fargate",
    fix: "use Redis as the store",
    sources: &[DELIVERY, ECS_FARGATE],
    settings: &[Store, LaunchType, CapacityProviders],
    check,
};

fn check(r: &Reading) -> Verdict {
    demand(
        all([text_is(r, Store, "file"), fargate(r)]).map(|lost| !lost)?,
        || {
            Violation::error(RULE.summary)
                .with(r, RULE.settings)
                .fix(format!("set {Store} to redis"))
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
            (&[(Store, w("file")), (LaunchType, w("FARGATE"))], Error),
            (&[(Store, w("redis")), (LaunchType, w("FARGATE"))], Holds),
            (&[(Store, w("file")), (LaunchType, w("EC2"))], Holds),
            (&[(Store, w("file"))], NotSeen),
        ],
    );
}
