//! Health checks must ask for a path that the server answers as they expect.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "health-check-path-unserved",
    topic: Topic::Health,
    levels: &[Error],
    summary: "health checks ask for a path that the server does not answer",
    breaks: "Every task fails its checks and is replaced, in a loop. Below the Socket.IO path only \
             a handshake is answered 200, and only where clients may poll; anything else is \
             answered 400.",
    holds: "load_balancer.health_check.path is one of server.served_paths, or below server.path \
            with an answer that load_balancer.health_check.matcher takes",
    fix: "point the health check at the server's health endpoint",
    sources: &[HEALTH, ENGINE_IO_PROTOCOL],
    settings: &[
        HealthCheckPath,
        HealthCheckMatcher,
        ServedPaths,
        SocketPath,
        Transports,
        Protocols,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    let path = r.text(HealthCheckPath)?;
    let (asked, query) = path.value.split_once('?').unwrap_or((path.value, ""));
    let socket = r.text(SocketPath);
    if let Ok(socket) = &socket
        && below(asked, socket.value)
    {
        return below_the_socket_path(r, asked, query);
    }
    let served = r.list(ServedPaths)?;
    let answered = served.value.iter().any(|prefix| below(asked, prefix));
    if answered {
        socket?;
    }
    demand(answered, || {
        Violation::error(RULE.summary)
            .about(path.seen)
            .about(served.seen)
            .fix(format!("set {HealthCheckPath} to /healthcheck"))
    })
}

fn below_the_socket_path(r: &Reading, asked: &str, query: &str) -> Verdict {
    let (path, socket) = (r.text(HealthCheckPath)?, r.text(SocketPath)?);
    // Without the slash at its end the application answers it, and so it does the client's bundle.
    let rest = asked.strip_prefix(socket.value.trim_end_matches('/'));
    if rest != Some("/") {
        return Err(NotSeen(vec![ServedPaths]));
    }
    let status = if handshake(r, query)? { 200 } else { 400 };
    let matcher = r.text(HealthCheckMatcher)?;
    demand(takes(matcher.value, status), || {
        Violation::error(format!(
            "health checks ask for the Socket.IO path, which answers them {status}"
        ))
        .about(path.seen)
        .about(socket.seen)
        .about(matcher.seen)
        .fix(format!(
            "set {HealthCheckPath} to the server's health endpoint, such as /healthcheck"
        ))
    })
}

/// Whether the server takes a request with this query for the handshake of a client that polls.
fn handshake(r: &Reading, query: &str) -> Fact {
    let has = |pair: &str| query.split('&').any(|part| part == pair);
    if !has("transport=polling") || has("sid") || query.contains("sid=") {
        return Ok(false);
    }
    let speaks = |version: &str| {
        let protocols = r.list(Protocols)?;
        Ok(protocols.value.iter().any(|known| known == version))
    };
    let version = match (has("EIO=4"), has("EIO=3")) {
        // Servers that speak protocol 4 alone are old, and a flag says so.
        (true, _) => speaks("5").or(Ok(true)),
        (_, true) => speaks("4"),
        _ => Ok(false),
    };
    all([version, polling(r)])
}

/// Whether a matcher such as `200,301-399` takes a status.
fn takes(matcher: &str, status: u64) -> bool {
    matcher.split(',').any(|part| {
        let (low, high) = part
            .trim()
            .split_once('-')
            .unwrap_or((part.trim(), part.trim()));
        let within = |low: u64, high: u64| (low..=high).contains(&status);
        low.parse()
            .is_ok_and(|low| high.parse().is_ok_and(|high| within(low, high)))
    })
}

fn below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    !prefix.is_empty()
        && path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l, w};
    let asks = |path| {
        [
            (HealthCheckPath, w(path)),
            (ServedPaths, l(&["/healthcheck", "/v1"])),
            (SocketPath, w("/websockets")),
            (HealthCheckMatcher, w("200")),
        ]
    };
    let stock = |path, matcher, transports: &[&str]| {
        [
            (HealthCheckPath, w(path)),
            (SocketPath, w("/socket.io")),
            (HealthCheckMatcher, w(matcher)),
            (Transports, l(transports)),
        ]
    };
    let both = &["polling", "websocket"];
    let handshake = "/socket.io/?EIO=4&transport=polling";
    cases(
        &RULE,
        &[
            (&asks("/healthcheck"), Holds),
            (&asks("/healthcheck?deep=1"), Holds),
            (&asks("/healthchecks"), Error),
            (&asks("/"), Error),
            (&asks("/websockets/"), Error),
            (&stock("/socket.io/", "200", both), Error),
            (&stock("/socket.io/", "200,400-404", both), Holds),
            (&stock(handshake, "200", both), Holds),
            (&stock(handshake, "200-299", &["polling"]), Holds),
            (&stock(handshake, "200", &["websocket"]), Error),
            (&stock(handshake, "204", both), Error),
            (
                &stock("/socket.io/?EIO=3&transport=polling", "200", both),
                NotSeen,
            ),
            (&stock("/socket.io", "200", both), NotSeen),
            (&stock("/socket.io/socket.io.js", "200", both), NotSeen),
            (&stock("/", "200", both), NotSeen),
        ],
    );
}
