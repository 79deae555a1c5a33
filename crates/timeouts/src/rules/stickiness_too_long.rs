//! Stickiness must end before it defeats the balancing.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "stickiness-too-long",
    topic: Topic::Stickiness,
    levels: &[Warning],
    summary: "clients stick to the tasks that they knew for too long",
    breaks: "After a scale-out reconnecting clients go back to the old, full tasks, and the new \
             ones stay empty: stickiness overrides the balancing algorithm. The default of AWS is \
             a day.",
    holds: "load_balancer.stickiness ≤ 12h",
    fix: "shorten the stickiness to an hour or so",
    sources: &[STICKY],
    settings: &[Stickiness],
    check,
};

const LONGEST: Duration = Duration::from_secs(12 * 3600);

fn check(r: &Reading) -> Verdict {
    if !sticky(r)? {
        return holds();
    }
    let stickiness = r.duration(Stickiness)?;
    demand(stickiness.value <= LONGEST, || {
        Violation::warning(RULE.summary)
            .about(stickiness.seen)
            .needs(format!(
                "stickiness {} ≤ {}",
                stickiness.seen.value,
                seconds(LONGEST)
            ))
            .fix(format!("lower {Stickiness} to 1h"))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s, u};
    cases(
        &RULE,
        &[
            (&[(Stickiness, s(43_200))], Holds),
            (&[(Stickiness, s(43_201))], Warning),
            (&[(Stickiness, u())], Holds),
        ],
    );
}
