//! The server's parts must lie evenly on the store's shards.

use super::prelude::*;
use crate::grammar::STORE_PARTS;

pub(super) const RULE: Rule = Rule {
    name: "store-shards-uneven",
    topic: Topic::Shape,
    levels: &[Warning],
    summary: "some shards of the store carry more than others",
    breaks: "The server keeps its channels in 18 parts, and a part is on one shard. With 4 shards \
             some have five parts and some four, and the fullest decides how much fits. Beyond 18 \
             shards the rest hold nothing and cost as much.",
    holds: "store.shards is 1, 2, 3, 6, 9 or 18",
    fix: "use 2, 3, 6, 9 or 18 shards",
    sources: &[DELIVERY],
    settings: &[Shards, StoreProtocol],
    check,
};

fn check(r: &Reading) -> Verdict {
    let even = r
        .count(Shards)
        .map(|shards| usize::try_from(shards.value))
        .map(|shards| shards.is_ok_and(|n| n > 0 && STORE_PARTS.is_multiple_of(n)));
    demand(
        any([not(text_is(r, StoreProtocol, "cluster")), even])?,
        || {
            Violation::warning(RULE.summary)
                .with(r, &[Shards])
                .fix(RULE.fix)
        },
    )
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, w};
    let store = |protocol, shards| [(StoreProtocol, w(protocol)), (Shards, n(shards))];
    cases(
        &RULE,
        &[
            (&store("cluster", 3), Holds),
            (&store("cluster", 18), Holds),
            (&store("cluster", 4), Warning),
            (&store("cluster", 36), Warning),
            (&store("cluster", 0), Warning),
            (&store("single", 4), Holds),
            // Of another's server nobody knows how it divides its keys.
            (&[(Shards, n(4))], NotSeen),
            (&[(Shards, n(1))], Holds),
            (&[(StoreProtocol, w("cluster"))], NotSeen),
        ],
    );
}
