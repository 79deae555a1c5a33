//! A full store must refuse, not forget.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "store-evicts",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the store drops messages when its memory is full",
    breaks: "Mailboxes vanish without an error while the store is under memory pressure. \
             ElastiCache's default is volatile-lru.",
    holds: "store.maxmemory_policy is noeviction",
    fix: "set maxmemory-policy to noeviction in the parameter group",
    sources: &[ELASTICACHE_PARAMETERS],
    settings: &[Eviction, Store],
    check,
};

fn check(r: &Reading) -> Verdict {
    demand(
        any([not(redis(r)), text_is(r, Eviction, "noeviction")])?,
        || {
            Violation::error(RULE.summary)
                .with(r, RULE.settings)
                .fix("set maxmemory-policy to noeviction in the parameter group")
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
            (&[(Store, w("redis")), (Eviction, w("volatile-lru"))], Error),
            (&[(Store, w("redis")), (Eviction, w("noeviction"))], Holds),
            (&[(Store, w("memory"))], Holds),
            (&[(Store, w("redis"))], NotSeen),
        ],
    );
}
