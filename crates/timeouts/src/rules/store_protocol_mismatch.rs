//! A cluster has clients that know it, and nothing else has.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "store-protocol-mismatch",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the server's URL does not fit the store's cluster mode",
    breaks: "With redis:// the server refuses a cluster at its start. With redis+cluster:// it \
             refuses a Redis that is none. Tasks end one after the other.",
    holds: "store.protocol is cluster where store.cluster_mode is on, and only there",
    fix: "use redis+cluster:// and the configuration endpoint for a cluster, redis:// and the \
          primary endpoint for one primary",
    sources: &[ELASTICACHE_ENDPOINTS, DELIVERY],
    settings: &[StoreProtocol, ClusterMode, Store],
    check,
};

fn check(r: &Reading) -> Verdict {
    let cluster = r.flag(ClusterMode).map(|mode| mode.value);
    let knows_it = text_is(r, StoreProtocol, "cluster");
    let fits = any([
        not(redis(r)),
        all([cluster.clone(), knows_it.clone()]),
        all([not(cluster.clone()), not(knows_it)]),
    ])?;
    demand(fits, || {
        let fix = match cluster {
            Ok(true) => "use redis+cluster:// or rediss+cluster:// and the configuration endpoint",
            _ => "use redis:// or rediss:// and the primary endpoint",
        };
        Violation::error(RULE.summary)
            .with(r, &[StoreProtocol, ClusterMode])
            .fix(fix)
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, w};
    let store = |protocol, cluster| {
        [
            (Store, w("redis")),
            (StoreProtocol, w(protocol)),
            (ClusterMode, f(cluster)),
        ]
    };
    cases(
        &RULE,
        &[
            (&store("cluster", true), Holds),
            (&store("single", false), Holds),
            (&store("single", true), Error),
            (&store("cluster", false), Error),
            (&store("sentinel", true), Error),
            (&[(Store, w("memory"))], Holds),
            (&[(Store, w("redis")), (ClusterMode, f(true))], NotSeen),
            (
                &[(Store, w("redis")), (StoreProtocol, w("cluster"))],
                NotSeen,
            ),
        ],
    );
}
