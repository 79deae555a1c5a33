//! The store must know sharded pub/sub.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "store-engine-too-old",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the store's engine does not know sharded pub/sub",
    breaks: "Announcements between nodes fail with an unknown command, and messages wait for the \
             next sweep of the mailbox.",
    holds: "store.engine is valkey, or redis with store.engine_version ≥ 7",
    fix: "use Valkey, or Redis 7",
    sources: &[REDIS_PUBSUB],
    settings: &[EngineVersion, Engine, Store],
    check,
};

fn check(r: &Reading) -> Verdict {
    demand(
        any([not(redis(r)), text_is(r, Engine, "valkey"), recent(r)])?,
        || {
            Violation::error(RULE.summary)
                .with(r, &[EngineVersion, Engine])
                .fix(format!("set {EngineVersion} to 7.1, or {Engine} to valkey"))
        },
    )
}

/// Where no version is stated AWS takes a recent one.
fn recent(r: &Reading) -> Fact {
    if r.is_unset(EngineVersion)? {
        return Ok(true);
    }
    let version = r.text(EngineVersion)?.value;
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    major
        .map(|major| major >= 7)
        .ok_or_else(|| NotSeen(vec![EngineVersion]))
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, u, w};
    let engine = |name, version| {
        [
            (Store, w("redis")),
            (Engine, w(name)),
            (EngineVersion, version),
        ]
    };
    cases(
        &RULE,
        &[
            (&engine("redis", w("7.1")), Holds),
            (&engine("redis", w("6.2")), Error),
            (&engine("redis", u()), Holds),
            (&engine("valkey", w("8.0")), Holds),
            (&[(Store, w("memory"))], Holds),
            (&engine("redis", w("latest")), NotSeen),
        ],
    );
}
