//! AWS makes no cluster without automatic failover.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "cluster-without-failover",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "AWS refuses a cluster without automatic failover",
    breaks: "The deployment fails after minutes, when the replication group is created.",
    holds: "store.automatic_failover is on where store.cluster_mode is",
    fix: "set AutomaticFailoverEnabled to true",
    sources: &[ELASTICACHE_GROUP],
    settings: &[ClusterMode, Failover, Store],
    check,
};

fn check(r: &Reading) -> Verdict {
    // Without a cluster, failover is a matter of `store-loses-on-failover`.
    let fits = any([
        not(redis(r)),
        not(r.flag(ClusterMode).map(|mode| mode.value)),
        r.flag(Failover).map(|failover| failover.value),
    ])?;
    demand(fits, || {
        Violation::error(RULE.summary)
            .with(r, &[ClusterMode, Failover])
            .fix(RULE.fix)
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, w};
    let store = |cluster, failover| {
        [
            (Store, w("redis")),
            (ClusterMode, f(cluster)),
            (Failover, f(failover)),
        ]
    };
    cases(
        &RULE,
        &[
            (&store(true, true), Holds),
            (&store(true, false), Error),
            (&store(false, false), Holds),
            (&[(Store, w("redis")), (ClusterMode, f(true))], NotSeen),
            (&[(Failover, f(true))], Holds),
            (&[(Store, w("memory"))], Holds),
        ],
    );
}
