//! Browsers send the stickiness cookie from another site over TLS alone, if at all.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "cross-origin-polling-without-https",
    topic: Topic::Stickiness,
    levels: &[Error, Warning],
    summary: "browsers drop the stickiness cookie of pages on another site",
    breaks: "The cookie for other sites, `AWSALBCORS`, is `SameSite=None; Secure`. Over plain \
             HTTP every browser drops it, and polls are answered 400 with `Session ID unknown`. \
             Over TLS, browsers that block third-party cookies (Safari) still do.",
    holds: "with polling, stickiness and CORS origins on another site than domain: TLS on the way",
    fix: "terminate TLS at the load balancer, or offer WebSocket alone",
    sources: &[STICKY, SOCKET_IO_CORS],
    settings: &[
        CorsOrigins,
        ListenerProtocols,
        Transports,
        Stickiness,
        Domain,
        CloudFrontTimeout,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    if any([not(polling(r)), not(sticky(r)), not(cross_site(r))])? {
        return holds();
    }
    if any([https(r), behind_cloudfront(r)])? {
        return Ok(vec![
            Violation::warning(
                "browsers that block third-party cookies cannot poll from these origins",
            )
            .with(r, &[CorsOrigins, Domain, Transports])
            .fix(format!(
                "set {Transports} to websocket alone, or serve the pages from the same site"
            )),
        ]);
    }
    Ok(vec![
        Violation::error(RULE.summary)
            .with(
                r,
                &[
                    ListenerProtocols,
                    CorsOrigins,
                    Domain,
                    Transports,
                    Stickiness,
                ],
            )
            .needs("TLS on the way, for a cookie that is Secure")
            .fix(format!(
                "set load_balancer.certificate, or {Transports} to websocket alone"
            )),
    ])
}

fn https(r: &Reading) -> Fact {
    Ok(r.list(ListenerProtocols)?
        .value
        .iter()
        .any(|protocol| protocol == "HTTPS"))
}

fn behind_cloudfront(r: &Reading) -> Fact {
    Ok(r.is_unset(CloudFrontTimeout).is_ok_and(|unset| !unset))
}

/// Whether an origin lies on another site than the server. The site is taken to be the last two
/// labels of a name, so that under a suffix such as `co.uk` too little is reported rather than too
/// much.
fn cross_site(r: &Reading) -> Fact {
    let origins = r.list(CorsOrigins)?.value;
    let Ok(domain) = r.text(Domain) else {
        return Ok(!origins.is_empty());
    };
    Ok(origins
        .iter()
        .any(|origin| site(origin) != site(domain.value)))
}

fn site(origin: &str) -> Vec<&str> {
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let host = host.split([':', '/']).next().unwrap_or(host);
    host.rsplit('.').take(2).collect()
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l, s, w};
    let pages = |origin: &str, listener: &str| {
        let settings = [
            (Transports, l(&["polling"])),
            (Stickiness, s(60)),
            (Domain, w("drops.example.com")),
        ];
        [
            &settings[..],
            &[
                (CorsOrigins, l(&[origin])),
                (ListenerProtocols, l(&[listener])),
            ],
        ]
        .concat()
    };
    cases(
        &RULE,
        &[
            (&pages("https://example.net", "HTTP"), Error),
            (&pages("https://example.net", "HTTPS"), Warning),
            (
                &[
                    &pages("https://example.net", "HTTP")[..],
                    &[(CloudFrontTimeout, s(30))],
                ]
                .concat(),
                Warning,
            ),
            (&pages("http://app.example.com:3000", "HTTP"), Holds),
            (
                &[
                    (CorsOrigins, l(&[])),
                    (Transports, l(&["polling"])),
                    (Stickiness, s(60)),
                    (ListenerProtocols, l(&["HTTP"])),
                ],
                Holds,
            ),
            (
                &[
                    (CorsOrigins, l(&["https://example.net"])),
                    (Transports, l(&["websocket"])),
                ],
                Holds,
            ),
            (
                &[
                    (CorsOrigins, l(&["https://example.net"])),
                    (Transports, l(&["polling"])),
                    (Stickiness, s(60)),
                ],
                NotSeen,
            ),
        ],
    );
}
