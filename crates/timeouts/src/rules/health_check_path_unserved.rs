//! Health checks must ask for a path that the server answers.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "health-check-path-unserved",
    topic: Topic::Health,
    levels: &[Error],
    summary: "health checks ask for a path that the server does not answer",
    breaks: "Every task fails its checks and is replaced, in a loop. Health checks do not speak \
             Socket.IO: a GET of its path is answered 400.",
    holds: "load_balancer.health_check.path is one of server.served_paths, and not below \
            server.path",
    fix: "point the health check at the server's health endpoint",
    sources: &[HEALTH],
    settings: &[HealthCheckPath, ServedPaths, SocketPath],
    check,
};

fn check(r: &Reading) -> Verdict {
    let path = r.text(HealthCheckPath)?;
    let asked = path.value.split('?').next().unwrap_or(path.value);
    if let Ok(socket) = r.text(SocketPath)
        && below(asked, socket.value)
    {
        return Ok(vec![
            Violation::error("health checks ask for the Socket.IO path, which answers them 400")
                .about(path.seen)
                .about(socket.seen)
                .fix(format!(
                    "set {HealthCheckPath} to the server's health endpoint, such as /healthcheck"
                )),
        ]);
    }
    let served = r.list(ServedPaths)?;
    demand(
        served.value.iter().any(|prefix| below(asked, prefix)),
        || {
            Violation::error(RULE.summary)
                .about(path.seen)
                .about(served.seen)
                .fix(format!("set {HealthCheckPath} to /healthcheck"))
        },
    )
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
        ]
    };
    cases(
        &RULE,
        &[
            (&asks("/healthcheck"), Holds),
            (&asks("/healthcheck?deep=1"), Holds),
            (&asks("/healthchecks"), Error),
            (&asks("/"), Error),
            (&asks("/websockets/"), Error),
            (
                &[
                    (HealthCheckPath, w("/socket.io/")),
                    (SocketPath, w("/socket.io")),
                ],
                Error,
            ),
            (
                &[(HealthCheckPath, w("/")), (SocketPath, w("/socket.io"))],
                NotSeen,
            ),
        ],
    );
}
