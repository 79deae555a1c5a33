//! The load balancer must not answer for the server which origins may read.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "balancer-overrides-cors",
    topic: Topic::Stickiness,
    levels: &[Error, Warning],
    summary: "the load balancer replaces the server's access-control-allow-origin",
    breaks: "Every answer carries the one origin of the listener's attribute: pages from another \
             allowed origin cannot poll, and with `*` no page can that sends cookies, which \
             stickiness needs.",
    holds: "load_balancer.allow_origin is not set",
    fix: "remove the attribute, and list the origins in the server",
    sources: &[ALB_HEADERS, SOCKET_IO_CORS],
    settings: &[AllowOrigin],
    check,
};

fn check(r: &Reading) -> Verdict {
    if r.is_unset(AllowOrigin)? {
        return holds();
    }
    let origin = r.text(AllowOrigin)?;
    let violation = match origin.value {
        "*" => Violation::error("browsers refuse `*` from the load balancer with credentials"),
        _ => Violation::warning(RULE.summary),
    };
    Ok(vec![violation.about(origin.seen).fix(RULE.fix)])
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, u, w};
    cases(
        &RULE,
        &[
            (&[(AllowOrigin, u())], Holds),
            (&[(AllowOrigin, w("*"))], Error),
            (&[(AllowOrigin, w("https://a.example.com"))], Warning),
            (&[], NotSeen),
        ],
    );
}
