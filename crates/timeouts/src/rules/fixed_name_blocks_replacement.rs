//! What may be replaced must not have a fixed name.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "fixed-name-blocks-replacement",
    topic: Topic::Shape,
    levels: &[Warning],
    summary: "a fixed name stands in the way of a replacement",
    breaks: "CloudFormation creates the new resource before it deletes the old one, and a name \
             can be taken once: the update fails. A target group is replaced when its port, \
             protocol, VPC or target type changes, a load balancer when its scheme does, a \
             service when its role or cluster does.",
    holds: "no name, or one that ends in a hash of what makes it be replaced",
    fix: "leave the name out, or end it in a hash of the immutable properties",
    sources: &[CFN_UPDATES, CREATE_TARGET_GROUP],
    settings: &[TargetGroupName, LoadBalancerName, ServiceName],
    check,
};

fn check(r: &Reading) -> Verdict {
    each(
        [TargetGroupName, LoadBalancerName, ServiceName].map(|setting| {
            if r.is_unset(setting)? {
                return holds();
            }
            let name = r.text(setting)?;
            demand(ends_in_hash(name.value), || {
                Violation::warning(format!(
                    "the {} stands in the way of a replacement",
                    setting.title()
                ))
                .about(name.seen)
                .fix("leave the name out, or end it in a hash of the immutable properties")
            })
        }),
    )
}

/// A last part of six hexadecimal digits, or of four with a number among them: people do not name
/// things so.
fn ends_in_hash(name: &str) -> bool {
    let last = name.rsplit('-').next().unwrap_or(name);
    let hexadecimal = last.chars().all(|c| c.is_ascii_hexdigit());
    hexadecimal
        && (last.len() >= 6 || last.len() >= 4 && last.contains(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, u, w};
    let names = |group: Value, balancer: Value| {
        [
            (TargetGroupName, group),
            (LoadBalancerName, balancer),
            (ServiceName, u()),
        ]
    };
    cases(
        &RULE,
        &[
            (&names(u(), u()), Holds),
            (&names(w("acme-drops"), u()), Warning),
            (&names(u(), w("acme-drops")), Warning),
            (&names(w("acme-drops-3f9a"), w("acme-3f9a1c")), Holds),
            (&names(w("acme-drops-v2"), u()), Warning),
            (&[(TargetGroupName, u())], NotSeen),
        ],
    );
}
