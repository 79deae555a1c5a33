//! The store must outlive a node and a zone.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "store-loses-on-failover",
    topic: Topic::Shape,
    levels: &[Warning],
    summary: "the store does not outlive its node or zone",
    breaks: "When the node or its zone fails nothing takes over. Even with replicas replication \
             is asynchronous: writes that were acknowledged can be lost in a failover. WAIT \
             narrows that, MemoryDB closes it.",
    holds: "store.automatic_failover and store.multi_az are on",
    fix: "use a replica, with automatic failover and multi-AZ on",
    sources: &[ELASTICACHE_FAILOVER],
    settings: &[Failover, MultiAz, Store],
    check,
};

fn check(r: &Reading) -> Verdict {
    let on = |setting| r.flag(setting).map(|on| on.value);
    demand(
        any([not(redis(r)), all([on(Failover), on(MultiAz)])])?,
        || {
            Violation::warning(RULE.summary).with(r, RULE.settings).fix(
                "set AutomaticFailoverEnabled and MultiAZEnabled to true, with one replica at \
                  least",
            )
        },
    )
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, w};
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
            (&[(Store, w("memory"))], Holds),
            (&[(Store, w("redis")), (Failover, f(true))], NotSeen),
        ],
    );
}
