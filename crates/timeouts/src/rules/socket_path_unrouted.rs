//! The load balancer must send Socket.IO and API requests to the server.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "socket-path-unrouted",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the load balancer does not send these requests to the server",
    breaks: "Clients get 404 from the load balancer itself, and no task logs anything.",
    holds: "one of load_balancer.paths matches server.path and, for the server of this project, \
            /v1/…; where clients may poll, so does one of load_balancer.post_paths",
    fix: "add the path to a listener rule, or forward by default",
    sources: &[LISTENER_RULES],
    settings: &[
        RoutedPaths,
        PostedPaths,
        SocketPath,
        ServedPaths,
        Transports,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    let socket = r.text(SocketPath)?.value;
    let socket = format!("{}/", socket.trim_end_matches('/'));
    r.settled(ServedPaths)?;
    let served = r.list(ServedPaths);
    let api = served.is_ok_and(|served| served.value.iter().any(|path| path == "/v1"));
    each([
        routed(r, &socket, polling(r)),
        match api {
            true => routed(r, "/v1/keys", Ok(true)),
            false => holds(),
        },
    ])
}

/// GET requests for this path get to the server, and POST requests where there are some: a client
/// that polls sends its packets with them.
fn routed(r: &Reading, path: &str, posts: Fact) -> Verdict {
    let got = reaches(r, RoutedPaths, path)?;
    if !got.is_empty() {
        return Ok(got);
    }
    let posted = reaches(r, PostedPaths, path);
    let reached = match &posted {
        Ok(violations) => Ok(violations.is_empty()),
        Err(why) => Err(why.clone()),
    };
    match any([reached, not(posts)])? {
        true => holds(),
        false => posted,
    }
}

/// A request for this path gets to the server.
fn reaches(r: &Reading, by: Setting, path: &str) -> Verdict {
    let patterns = r.list(by)?;
    let mut all = patterns.value.iter();
    let what = if by == PostedPaths { "POST " } else { "" };
    demand(
        all.any(|pattern| matches(pattern.as_bytes(), path.as_bytes())),
        || {
            Violation::error(format!(
                "the load balancer does not send {what}requests for {path} to the server"
            ))
            .with(r, &[by, SocketPath])
            .fix(match by {
                PostedPaths => format!("add POST to the rule's methods for {path}"),
                _ => format!(
                    "add {}* to the path patterns of the listener rule",
                    path.trim_end_matches("keys")
                ),
            })
        },
    )
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
    let routes = |patterns: &[&str]| {
        [
            (RoutedPaths, l(patterns)),
            (PostedPaths, l(patterns)),
            (SocketPath, w("/websockets")),
        ]
    };
    let with_api = |patterns: &[&str]| {
        let mut all = routes(patterns).to_vec();
        all.push((ServedPaths, l(&["/v1"])));
        all
    };
    let posted = |transports: &[&str], posted: &[&str]| {
        let mut all = routes(&["/websockets/*"]).to_vec();
        all[1] = (PostedPaths, l(posted));
        all.push((Transports, l(transports)));
        all
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
            (&posted(&["polling", "websocket"], &[]), Error),
            (&posted(&["websocket"], &[]), Holds),
            (&[(RoutedPaths, l(&["*"]))], NotSeen),
            (
                &[(RoutedPaths, l(&["*"])), (SocketPath, w("/websockets"))],
                NotSeen,
            ),
        ],
    );
}
