//! Names are made of certain characters.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "name-malformed",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "AWS refuses this name for its characters",
    breaks: "The deployment fails after minutes, when the resource is created.",
    holds: "letters, digits and inner hyphens; a load balancer is not internal-…; a replication \
            group starts with a letter and has no two hyphens in a row",
    fix: "use letters, digits and single inner hyphens",
    sources: &[CREATE_LOAD_BALANCER, CREATE_TARGET_GROUP, ELASTICACHE_GROUP],
    settings: &[LoadBalancerName, TargetGroupName, ReplicationGroupName],
    check,
};

fn check(r: &Reading) -> Verdict {
    each(
        [LoadBalancerName, TargetGroupName, ReplicationGroupName].map(|setting| {
            if r.is_unset(setting)? {
                return holds();
            }
            let name = r.text(setting)?;
            let complaint = complaint(setting, name.value);
            demand(complaint.is_none(), || {
                Violation::error(format!(
                    "AWS refuses this {} for its characters",
                    setting.title()
                ))
                .about(name.seen)
                .needs(complaint.unwrap_or_default())
                .fix(RULE.fix)
            })
        }),
    )
}

fn complaint(setting: Setting, name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !name.chars().all(plain) {
        Some("letters, digits and hyphens only")
    } else if name.starts_with('-') || name.ends_with('-') || name.is_empty() {
        Some("a letter or digit at both ends")
    } else if setting == LoadBalancerName && name.starts_with("internal-") {
        Some("another beginning than internal-, which AWS keeps for itself")
    } else if setting == ReplicationGroupName
        && (name.contains("--") || !name.starts_with(|c: char| c.is_ascii_alphabetic()))
    {
        Some("a letter first, and no two hyphens in a row")
    } else {
        None
    }
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, u, w};
    let names = |balancer, group, store| {
        [
            (LoadBalancerName, w(balancer)),
            (TargetGroupName, w(group)),
            (ReplicationGroupName, w(store)),
        ]
    };
    cases(
        &RULE,
        &[
            (&names("acme-drops-1", "1-drops", "drops"), Holds),
            (&names("acme_drops", "drops", "drops"), Error),
            (&names("-drops", "drops", "drops"), Error),
            (&names("internal-drops", "drops", "drops"), Error),
            (&names("drops", "drops-", "drops"), Error),
            (&names("drops", "internal-drops", "drops"), Holds),
            (&names("drops", "drops", "1drops"), Error),
            (&names("drops", "drops", "acme--drops"), Error),
            (&names("acme--drops", "drops", "drops"), Holds),
            (&[(LoadBalancerName, u())], NotSeen),
        ],
    );
}
