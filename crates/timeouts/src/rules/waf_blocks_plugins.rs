//! A firewall must let plugins through.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "waf-blocks-plugins",
    topic: Topic::Shape,
    levels: &[Warning],
    summary: "the firewall refuses what plugins send",
    breaks: "Rules on a missing User-Agent and on body size answer 403 to clients that are no \
             browsers, and to large polls. Rules on request rates count each poll. A plugin \
             cannot solve a challenge or a captcha, whichever rule asks for one. The group against \
             floods challenges GETs while it suspects one, and a handshake is a GET. Rules are \
             tried by their priority, and one that allows the path spares it from those after it; \
             this is believed only where its statement surely matches.",
    holds: "no blocking rule on User-Agent or body size, and no challenge, applies to server.path, \
            neither at the load balancer nor at CloudFront in front of it",
    fix: "count instead of block in these rules, except the Socket.IO path by a scope-down \
          statement, or allow it by a rule of a lower priority",
    sources: &[WAF_COMMON, WAF_ANTI_DDOS],
    settings: &[WafRules],
    check,
};

fn check(r: &Reading) -> Verdict {
    let rules = r.list(WafRules)?;
    demand(rules.value.is_empty(), || {
        Violation::warning(RULE.summary)
            .about(rules.seen)
            .fix(RULE.fix)
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l};
    cases(
        &RULE,
        &[
            (&[(WafRules, l(&[]))], Holds),
            (&[(WafRules, l(&["NoUserAgent_HEADER"]))], Warning),
        ],
    );
}
