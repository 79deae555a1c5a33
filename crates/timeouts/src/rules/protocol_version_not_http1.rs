//! WebSockets need HTTP/1.1 between load balancer and task.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "protocol-version-not-http1",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the target group does not speak HTTP/1.1",
    breaks: "Requests of HTTP/1.1 clients to an HTTP2 or GRPC group fail, and a WebSocket cannot \
             be opened at all.",
    holds: "load_balancer.protocol_version is HTTP1",
    fix: "set the target group's ProtocolVersion to HTTP1, or leave it out",
    sources: &[TARGET_GROUPS],
    settings: &[ProtocolVersion],
    check,
};

fn check(r: &Reading) -> Verdict {
    let version = r.text(ProtocolVersion)?;
    demand(version.value.eq_ignore_ascii_case("HTTP1"), || {
        Violation::error(RULE.summary)
            .about(version.seen)
            .fix("set ProtocolVersion of the target group to HTTP1")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, w};
    cases(
        &RULE,
        &[
            (&[(ProtocolVersion, w("HTTP1"))], Holds),
            (&[(ProtocolVersion, w("HTTP2"))], Error),
            (&[(ProtocolVersion, w("GRPC"))], Error),
        ],
    );
}
