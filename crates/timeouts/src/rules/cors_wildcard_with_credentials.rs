//! Credentials need exact origins.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "cors-wildcard-with-credentials",
    topic: Topic::Stickiness,
    levels: &[Error],
    summary: "every origin may connect with credentials",
    breaks: "Browsers refuse the combination of `*` and credentials: cookies are not sent, so \
             stickiness fails, and requests are blocked.",
    holds: "server.cors_origins without *",
    fix: "list the exact origins",
    sources: &[SOCKET_IO_CORS],
    settings: &[CorsOrigins],
    check,
};

fn check(r: &Reading) -> Verdict {
    let origins = r.list(CorsOrigins)?;
    demand(!origins.value.iter().any(|origin| origin == "*"), || {
        Violation::error(RULE.summary)
            .about(origins.seen)
            .fix(format!(
                "list exact origins in {CorsOrigins}, such as https://app.example.com"
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l};
    cases(
        &RULE,
        &[
            (&[(CorsOrigins, l(&["*"]))], Error),
            (&[(CorsOrigins, l(&["https://a.example", "*"]))], Error),
            (&[(CorsOrigins, l(&["https://a.example"]))], Holds),
            (&[(CorsOrigins, l(&[]))], Holds),
        ],
    );
}
