//! The client's address must come from the load balancer.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "spoofable-client-address",
    topic: Topic::Shape,
    levels: &[Error, Warning],
    summary: "clients choose the address under which they are limited",
    breaks: "The server takes the rightmost entry of X-Forwarded-For, which the load balancer \
             appends. With `preserve` it is what the client wrote, so anyone evades limits by \
             address; with `remove` there is none, and all share one. A port in it makes each \
             connection an address of its own.",
    holds: "load_balancer.xff_mode is append, without the client's port",
    fix: "leave routing.http.xff_header_processing.mode at append",
    sources: &[FORWARDED],
    settings: &[ForwardedFor, ForwardedPort],
    check,
};

fn check(r: &Reading) -> Verdict {
    let mode = r.text(ForwardedFor)?;
    if !mode.value.eq_ignore_ascii_case("append") {
        return Ok(vec![
            Violation::error(RULE.summary)
                .about(mode.seen)
                .fix("set routing.http.xff_header_processing.mode to append"),
        ]);
    }
    let port = r.flag(ForwardedPort)?;
    demand(!port.value, || {
        Violation::warning("the client's address carries a port")
            .about(port.seen)
            .fix("set routing.http.xff_client_port.enabled to false")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, f, w};
    cases(
        &RULE,
        &[
            (
                &[(ForwardedFor, w("append")), (ForwardedPort, f(false))],
                Holds,
            ),
            (
                &[(ForwardedFor, w("append")), (ForwardedPort, f(true))],
                Warning,
            ),
            (&[(ForwardedFor, w("preserve"))], Error),
            (&[(ForwardedFor, w("remove"))], Error),
            (&[(ForwardedFor, w("append"))], NotSeen),
        ],
    );
}
