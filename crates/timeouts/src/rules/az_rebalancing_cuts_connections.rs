//! Moving tasks between zones cuts their connections.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "az-rebalancing-cuts-connections",
    topic: Topic::Deploys,
    levels: &[Error, Warning],
    summary: "ECS stops healthy tasks to spread them over zones",
    breaks: "Every socket of a task that is moved is cut, at a moment that nobody chose. ENABLED \
             is the default for new services, and is refused with a maximum percent of 100 or \
             less.",
    holds: "service.az_rebalancing is DISABLED, or accepted knowingly; never with \
            service.deployment.maximum_percent ≤ 100",
    fix: "set AvailabilityZoneRebalancing to DISABLED, or ignore this rule with a reason",
    sources: &[ECS_REBALANCING, ECS_SERVICE],
    settings: &[AzRebalancing, MaximumPercent],
    check,
};

fn check(r: &Reading) -> Verdict {
    let rebalancing = r.text(AzRebalancing)?;
    if !rebalancing.value.eq_ignore_ascii_case("ENABLED") {
        return holds();
    }
    let most = r.count(MaximumPercent)?;
    let violation = if most.value <= 100 {
        Violation::error("ECS refuses zone rebalancing with this maximum percent")
            .about(rebalancing.seen)
            .about(most.seen)
    } else {
        Violation::warning(RULE.summary).about(rebalancing.seen)
    };
    Ok(vec![
        violation.fix("set AvailabilityZoneRebalancing to DISABLED"),
    ])
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, w};
    cases(
        &RULE,
        &[
            (
                &[(AzRebalancing, w("ENABLED")), (MaximumPercent, n(100))],
                Error,
            ),
            (
                &[(AzRebalancing, w("ENABLED")), (MaximumPercent, n(101))],
                Warning,
            ),
            (&[(AzRebalancing, w("DISABLED"))], Holds),
            (&[(AzRebalancing, w("ENABLED"))], NotSeen),
        ],
    );
}
