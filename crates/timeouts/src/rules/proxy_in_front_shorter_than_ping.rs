//! What stands in front of the load balancer must be as patient.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "proxy-in-front-shorter-than-ping",
    topic: Topic::Heartbeat,
    levels: &[Error],
    summary: "a proxy in front of the load balancer gives up before the server's next ping",
    breaks: "Held polls are answered 504 by CloudFront after its response timeout, quiet \
             WebSockets are cut by it after ten minutes and by a Network Load Balancer after its \
             idle timeout. The load balancer's own logs show nothing.",
    holds: "behind CloudFront: server.ping_interval < its response timeout with polling, < 10m \
            with WebSocket; behind a Network Load Balancer: server.ping_interval < its idle \
            timeout",
    fix: "raise the proxy's timeout, ping more often, or offer WebSocket alone",
    sources: &[CLOUDFRONT_TIMEOUT, NLB_IDLE],
    settings: &[PingInterval, CloudFrontTimeout, NlbIdleTimeout, Transports],
    check,
};

/// After how long CloudFront closes a quiet WebSocket.
const CLOUDFRONT_IDLE: Duration = Duration::from_secs(600);

fn check(r: &Reading) -> Verdict {
    each([polls(r), websockets(r), behind_nlb(r)])
}

fn polls(r: &Reading) -> Verdict {
    if any([r.is_unset(CloudFrontTimeout), not(polling(r))])? {
        return holds();
    }
    shorter(r, "CloudFront answers held polls 504", CloudFrontTimeout)
}

fn websockets(r: &Reading) -> Verdict {
    if any([r.is_unset(CloudFrontTimeout), not(websocket(r))])? {
        return holds();
    }
    let ping = r.duration(PingInterval)?;
    demand(ping.value < CLOUDFRONT_IDLE, || {
        Violation::error("CloudFront cuts quiet WebSockets")
            .about(ping.seen)
            .with(r, &[CloudFrontTimeout])
            .needs(format!(
                "ping interval {} < {}",
                ping.seen.value,
                seconds(CLOUDFRONT_IDLE)
            ))
            .fix(format!(
                "lower {PingInterval} below {}",
                seconds(CLOUDFRONT_IDLE)
            ))
    })
}

fn behind_nlb(r: &Reading) -> Verdict {
    if r.is_unset(NlbIdleTimeout)? {
        return holds();
    }
    shorter(
        r,
        "the Network Load Balancer cuts quiet connections",
        NlbIdleTimeout,
    )
}

fn shorter(r: &Reading, message: &str, proxy: Setting) -> Verdict {
    let ping = r.duration(PingInterval)?;
    let limit = r.duration(proxy)?;
    demand(ping.value < limit.value, || {
        Violation::error(message)
            .about(limit.seen)
            .about(ping.seen)
            .needs(format!(
                "ping interval {} < {} {}",
                ping.seen.value,
                proxy.title(),
                limit.seen.value
            ))
            .fix(format!(
                "lower {PingInterval}, or raise {}",
                proxy.spec().aws.unwrap_or(proxy.key())
            ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l, s, u};
    let front = |cloudfront, nlb, ping, transport| {
        [
            (CloudFrontTimeout, cloudfront),
            (NlbIdleTimeout, nlb),
            (PingInterval, s(ping)),
            (Transports, l(&[transport])),
        ]
    };
    cases(
        &RULE,
        &[
            (&front(u(), u(), 60, "polling"), Holds),
            (&front(s(30), u(), 30, "polling"), Error),
            (&front(s(30), u(), 29, "polling"), Holds),
            (&front(s(30), u(), 60, "websocket"), Holds),
            (&front(s(30), u(), 599, "websocket"), Holds),
            (&front(s(30), u(), 600, "websocket"), Error),
            (&front(u(), s(350), 349, "websocket"), Holds),
            (&front(u(), s(350), 350, "websocket"), Error),
            (
                &[
                    (CloudFrontTimeout, s(30)),
                    (NlbIdleTimeout, u()),
                    (PingInterval, s(60)),
                ],
                NotSeen,
            ),
        ],
    );
}
