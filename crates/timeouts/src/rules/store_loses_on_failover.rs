//! The store must outlive a node and a zone.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "store-loses-on-failover",
    topic: Topic::Shape,
    levels: &[Warning],
    summary: "the store does not outlive its node or zone",
    breaks: "When the node or its zone fails nothing takes over. Even with replicas replication \
             is asynchronous: writes that were acknowledged can be lost in a failover. WAIT \
             narrows that, MemoryDB closes it. A shard without a replica takes its own channels \
             and keys with it.",
    holds: "store.automatic_failover and store.multi_az are on",
    fix: "use a replica, with automatic failover and multi-AZ on",
    sources: &[ELASTICACHE_FAILOVER],
    settings: &[Failover, MultiAz, ClusterMode, Shards, Store],
    check,
};

fn check(r: &Reading) -> Verdict {
    let on = |setting| r.flag(setting).map(|on| on.value);
    // A cluster without failover is `cluster-without-failover`.
    let fails_over = on(Failover).map(|failover| failover || on(ClusterMode) == Ok(true));
    demand(
        any([not(redis(r)), all([fails_over, on(MultiAz)])])?,
        || {
            let several = r.count(Shards).is_ok_and(|shards| shards.value > 1);
            let (summary, shown): (_, &[_]) = match several {
                true => (
                    "a shard of the store does not outlive its node or zone",
                    &[MultiAz, Shards],
                ),
                false => (RULE.summary, &[Failover, MultiAz, Store]),
            };
            Violation::warning(summary).with(r, shown).fix(
                "set AutomaticFailoverEnabled and MultiAZEnabled to true, with one replica at \
                  least",
            )
        },
    )
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, n, w};
    let store = |failover, zones| {
        [
            (Store, w("redis")),
            (Failover, f(failover)),
            (MultiAz, f(zones)),
        ]
    };
    cases(
        &RULE,
        &[
            (&store(true, true), Holds),
            (&store(true, false), Warning),
            (&store(false, true), Warning),
            (
                &[
                    (Store, w("redis")),
                    (Failover, f(true)),
                    (MultiAz, f(false)),
                    (Shards, n(3)),
                ],
                Warning,
            ),
            (&[(Store, w("memory"))], Holds),
            (&[(Store, w("redis")), (Failover, f(true))], NotSeen),
        ],
    );
}
