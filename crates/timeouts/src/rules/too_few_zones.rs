//! A load balancer needs two zones.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "too-few-zones",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the load balancer lies in fewer than two zones",
    breaks: "AWS refuses the load balancer, when it is created.",
    holds: "network.subnets has two at least, in two zones",
    fix: "add a subnet in another zone",
    sources: &[CREATE_LOAD_BALANCER],
    settings: &[Subnets, BalancerZones],
    check,
};

fn check(r: &Reading) -> Verdict {
    let subnets = r.list(Subnets);
    let zones = r.list(BalancerZones);
    if let Some(few) = [&subnets, &zones]
        .into_iter()
        .flatten()
        .find(|list| distinct(list.value) < 2)
    {
        return Ok(vec![
            Violation::error(RULE.summary)
                .about(few.seen)
                .needs(format!(
                    "{} different {} ≥ 2",
                    distinct(few.value),
                    few.seen.setting.title()
                ))
                .fix(format!("add a subnet in another zone to {Subnets}")),
        ]);
    }
    // Zones are known on AWS alone; two different subnets are what a template can show.
    r.settled(BalancerZones)?;
    r.settled(Subnets)?;
    zones.or(subnets).map(|_| Vec::new())
}

fn distinct(items: &[String]) -> usize {
    items
        .iter()
        .collect::<std::collections::BTreeSet<_>>()
        .len()
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l};
    cases(
        &RULE,
        &[
            (&[(Subnets, l(&["a"]))], Error),
            (&[(Subnets, l(&["a", "a"]))], Error),
            (&[(Subnets, l(&["a", "b"]))], Holds),
            (
                &[(Subnets, l(&["a", "b"])), (BalancerZones, l(&["z", "z"]))],
                Error,
            ),
            (
                &[(Subnets, l(&["a", "b"])), (BalancerZones, l(&["y", "z"]))],
                Holds,
            ),
        ],
    );
}
