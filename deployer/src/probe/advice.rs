//! What a failed step means and what to change, by what was seen of it.

use serde_json::Value;
use socketio_client::{Error, Reply};

/// Meaning and change, where there is something better to say than the error itself.
pub(super) struct Advice {
    pub means: Option<String>,
    pub change: Option<String>,
}

fn advice(means: &str, change: &str) -> Advice {
    Advice {
        means: Some(means.to_owned()),
        change: Some(change.to_owned()),
    }
}

/// Engine.IO's error code in a 400's body:
/// <https://socket.io/docs/v4/troubleshooting-connection-issues/>.
pub(super) fn engine_code(error: &Error) -> Option<u64> {
    let Error::Refused(reply) = error else {
        return None;
    };
    let body: Value = serde_json::from_slice(&reply.body).ok()?;
    let code = match body.get("code") {
        // A number by the protocol; some servers send it as text.
        Some(Value::String(code)) => code.parse().ok(),
        Some(code) => code.as_u64(),
        None => python_code(body.as_str()?),
    };
    code.filter(|_| reply.status == 400)
}

/// The code of what python-engineio says in words: `_bad_request` in its `base_server.py`.
fn python_code(text: &str) -> Option<u64> {
    let code = |words: &str, code| text.starts_with(words).then_some(code);
    code("Invalid transport", 0)
        .or(code("Invalid session", 1))
        .or(code("The client is using an unsupported version", 5))
}

/// What to say about `error`.
pub(super) fn about(error: &Error) -> Advice {
    match error {
        Error::Connect { .. } => advice(
            "nothing answers at that address",
            "check host and port, that the listener exists, and that its security group lets you \
             in",
        ),
        Error::Tls { .. } => advice(
            "the certificate does not fit the name, has expired, or is not trusted by this machine",
            "probe the name that the certificate was issued for, or renew it; give an authority of \
             your own with --ca-file",
        ),
        Error::Timeout(_) => advice(
            "the connection stands, but no answer comes: a busy server, or a proxy that waits for \
             its target",
            "look at the target's health and at its security group; --timeout waits longer",
        ),
        Error::Refused(reply) => refused(reply, engine_code(error)),
        Error::ConnectError(_) => advice(
            "clients do not retry after this answer",
            "give a valid key with --key, and a namespace that exists with --namespace",
        ),
        Error::Protocol(_) => advice(
            "something answers at this path that is not Engine.IO 4, or a proxy changes its \
             answers",
            "check --path; a server of Socket.IO 2 is not covered",
        ),
        Error::Broken(_) | Error::Closed(_) => advice(
            "the connection was cut in the middle of an exchange",
            "look at the load balancer's 502s and idle timeout, and at the server's log at this \
             time",
        ),
    }
}

fn refused(reply: &Reply, engine: Option<u64>) -> Advice {
    let balancer = reply.header("server").starts_with("awselb");
    match (reply.status, engine) {
        (400, Some(0)) => advice(
            "the server does not offer this transport",
            "allow it (TRANSPORTS), or probe without it",
        ),
        (400, Some(1)) => advice(
            "this request reached a node that does not know the session: requests of one session \
             go to different nodes",
            "switch stickiness on in the target group, or let clients connect with transports: \
             [\"websocket\"] alone",
        ),
        (400, Some(3)) => advice(
            "the request for a WebSocket arrived as an ordinary one: a proxy on the way drops the \
             headers Upgrade and Connection",
            "let it pass them on (nginx: proxy_http_version 1.1; proxy_set_header Upgrade \
             $http_upgrade; proxy_set_header Connection \"upgrade\")",
        ),
        (400, Some(5)) => advice(
            "the server speaks another protocol version",
            "use a server of Socket.IO 3 or 4",
        ),
        (401, _) => advice(
            "the key is not accepted",
            "create a key (POST /v1/keys) and give it with --key",
        ),
        (403, _) => advice(
            "refused before or by the server: a WAF rule, or the server's own check",
            "except the Socket.IO path from the WAF's rules on missing User-Agent and body size; \
             check the server's CORS origins",
        ),
        (404, _) if balancer => advice(
            "no listener rule sends this path to a target group",
            "route the Socket.IO path, or check --path",
        ),
        (404, _) => advice(
            "the server does not serve this path",
            "check --path (Socket.IO's default is /socket.io)",
        ),
        (301 | 302 | 307 | 308, _) => Advice {
            means: Some("the listener redirects; Socket.IO clients do not follow".to_owned()),
            change: Some(format!("use {}", reply.header("location"))),
        },
        (502, _) => advice(
            "the target closed the connection or could not be reached",
            "check that the target listens, and that its keep-alive is longer than the balancer's \
             idle timeout",
        ),
        (503, _) if balancer => advice(
            "the target group has no target in use",
            "look at the service's events and target health",
        ),
        (503, _) => advice(
            "the server is draining or overloaded",
            "try again; if it stays, look at the server's log",
        ),
        (504, _) => advice(
            "the target did not answer within the idle timeout: a poll is held up to the ping \
             interval",
            "set the idle timeout at least 5 s above the ping interval",
        ),
        _ => Advice {
            means: None,
            change: None,
        },
    }
}
