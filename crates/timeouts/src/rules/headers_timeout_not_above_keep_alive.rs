//! Node's limit on the headers of a request must not end an idle connection first.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "headers-timeout-not-above-keep-alive",
    topic: Topic::Heartbeat,
    levels: &[Warning],
    summary: "the server may close an idle connection before its keep-alive has ended",
    breaks: "Some releases of Node count the headers' time from the last request on a connection. \
             The load balancer then sends a request on a connection that is just being closed: \
             502s, more of them at low traffic.",
    holds: "server.headers_timeout > server.keep_alive",
    fix: "set headersTimeout of the HTTP server above keepAliveTimeout",
    sources: &[NODE_HEADERS, NODE_HEADERS_ISSUE, ALB_TROUBLE],
    settings: &[HeadersTimeout, KeepAlive],
    check,
};

fn check(r: &Reading) -> Verdict {
    r.settled(HeadersTimeout)?;
    let keep_alive = r.duration(KeepAlive)?;
    let headers = r.duration(HeadersTimeout)?;
    demand(headers.value > keep_alive.value, || {
        Violation::warning(RULE.summary)
            .about(headers.seen)
            .about(keep_alive.seen)
            .needs(format!(
                "headers timeout {} > keep-alive {}",
                headers.seen.value, keep_alive.seen.value
            ))
            .fix(format!(
                "set headersTimeout to at least {}",
                seconds(keep_alive.value.saturating_add(MARGIN))
            ))
    })
}

/// What lies between two limits that race.
const MARGIN: Duration = Duration::from_secs(5);

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, s};
    let server = |headers, keep_alive| [(HeadersTimeout, s(headers)), (KeepAlive, s(keep_alive))];
    cases(
        &RULE,
        &[
            (&server(60, 65), Warning),
            (&server(60, 60), Warning),
            (&server(66, 65), Holds),
            (&[(KeepAlive, s(65))], NotSeen),
        ],
    );
}
