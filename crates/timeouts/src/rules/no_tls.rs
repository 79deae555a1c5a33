//! Keys must not travel in clear.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "no-tls",
    topic: Topic::Shape,
    levels: &[Warning],
    summary: "requests reach the server over plain HTTP",
    breaks: "Keys of plugins and backends can be read on the way, and browsers refuse a plain \
             WebSocket from a secure page.",
    holds: "every listener that forwards is HTTPS; HTTP only redirects",
    fix: "add a certificate, and let the HTTP listener redirect",
    sources: &[ALB_ATTRIBUTES, SOCKET_IO_CORS],
    settings: &[ListenerProtocols],
    check,
};

fn check(r: &Reading) -> Verdict {
    let listeners = r.list(ListenerProtocols)?;
    demand(
        !listeners.value.iter().any(|protocol| protocol == "HTTP"),
        || {
            Violation::warning(RULE.summary)
                .about(listeners.seen)
                .fix("set load_balancer.certificate, and let the HTTP listener redirect to HTTPS")
        },
    )
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l};
    cases(
        &RULE,
        &[
            (&[(ListenerProtocols, l(&["HTTPS"]))], Holds),
            (&[(ListenerProtocols, l(&["HTTP"]))], Warning),
            (&[(ListenerProtocols, l(&["HTTP", "HTTPS"]))], Warning),
        ],
    );
}
