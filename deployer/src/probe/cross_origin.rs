//! Whether a page of an origin may read the server's answers, as browsers judge it:
//! <https://fetch.spec.whatwg.org/#cors-check>, with credentials.

use std::time::Duration;

use http::{HeaderValue, header};
use socketio_client::Reply;

use super::report::{Outcome, Step};

/// Judges the answer to a request that named `origin`.
pub(super) fn judge(origin: &HeaderValue, reply: &Reply) -> Step {
    let allowed = reply.headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    let credentials = reply.header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS.as_str());
    let page = String::from_utf8_lossy(origin.as_bytes());
    let step = |outcome, saw: String, means: Option<&str>, change: Option<String>| Step {
        name: "cross-origin",
        outcome,
        saw,
        took: Duration::ZERO,
        means: means.map(str::to_owned),
        change,
    };
    let Some(allowed) = allowed else {
        return step(
            Outcome::Failed,
            format!("no Access-Control-Allow-Origin for {page}"),
            Some("the browser keeps the answers of polling from the page"),
            Some(format!(
                "list {page} in the server's CORS origins (server.cors_origins, CORS_ORIGINS)"
            )),
        );
    };
    let says = String::from_utf8_lossy(allowed.as_bytes());
    if allowed == origin && credentials == "true" {
        let saw = format!("{page} may read the answers, with cookies");
        return step(Outcome::Passed, saw, None, None);
    }
    if allowed == "*" || allowed == origin {
        return step(
            Outcome::Noted,
            format!("{says} may read the answers, without cookies"),
            Some(
                "a client with withCredentials is refused, and polling needs it with several nodes",
            ),
            Some("allow credentials for this origin, or begin with WebSocket".to_owned()),
        );
    }
    step(
        Outcome::Failed,
        format!("Access-Control-Allow-Origin is {says}, not {page}"),
        Some("the browser keeps the answers of polling from the page"),
        Some(format!(
            "let the server answer with the origin that asks, and list {page}"
        )),
    )
}
