//! The load balancer must send Socket.IO and API requests to the server.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "socket-path-unrouted",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the load balancer does not send these requests to the server",
    breaks: "Clients get 404 from the load balancer itself, and no task logs anything.",
    holds: "one of load_balancer.paths matches server.path and, for the server of this project, \
            /v1/…",
    fix: "add the path to a listener rule, or forward by default",
    sources: &[LISTENER_RULES],
    settings: &[RoutedPaths, SocketPath, ServedPaths],
    check,
};

fn check(r: &Reading) -> Verdict {
    let routed = r.list(RoutedPaths)?;
    let socket = r.text(SocketPath)?;
    r.settled(ServedPaths)?;
    let api = r
        .list(ServedPaths)
        .is_ok_and(|served| served.value.iter().any(|path| path == "/v1"));
    let requests = [
        Some(format!("{}/", socket.value.trim_end_matches('/'))),
        api.then(|| "/v1/keys".to_owned()),
    ];
    each(requests.into_iter().flatten().map(|path| {
        demand(
            routed
                .value
                .iter()
                .any(|pattern| matches(pattern.as_bytes(), path.as_bytes())),
            || {
                Violation::error(format!(
                    "the load balancer does not send requests for {path} to the server"
                ))
                .about(routed.seen)
                .about(socket.seen)
                .fix(format!(
                    "add {}* to the path patterns of the listener rule",
                    path.trim_end_matches("keys")
                ))
            },
        )
    }))
}

/// A path pattern of a listener rule: `*` is any text, `?` any one character.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    // After a mismatch only the last star needs to take one more character.
    let (mut p, mut s, mut star) = (0, 0, None);
    while s < path.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, s));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == path[s] => {
                p += 1;
                s += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    s = from + 1;
                    star = Some((at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l, w};
    let routes = |patterns: &[&str]| [(RoutedPaths, l(patterns)), (SocketPath, w("/websockets"))];
    let with_api = |patterns: &[&str]| {
        [
            (RoutedPaths, l(patterns)),
            (SocketPath, w("/websockets")),
            (ServedPaths, l(&["/v1"])),
        ]
    };
    cases(
        &RULE,
        &[
            (&routes(&["*"]), Holds),
            (&routes(&["/websockets*"]), Holds),
            (&routes(&["/api/*", "/websockets/*"]), Holds),
            (&routes(&["/websockets"]), Error),
            (&routes(&["/socket.io/*"]), Error),
            (&routes(&["/web?ockets/*"]), Holds),
            (&routes(&[]), Error),
            (&with_api(&["/websockets/*"]), Error),
            (&with_api(&["/websockets/*", "/v1/*"]), Holds),
            (&[(RoutedPaths, l(&["*"]))], NotSeen),
        ],
    );
}
