//! The page's calls on the server's HTTP interface, with the backend key that the page never sees.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::App;
use super::security::refuse;

/// Bytes of a body at most; the server has a bound of its own below.
const BODY: usize = 8 * 1024 * 1024;
/// How long the server may take.
const WITHIN: Duration = Duration::from_secs(15);

/// `/api/v1/…`: the same call on the server.
pub(super) async fn forward(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::POST | Method::DELETE) {
        return refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "the console sends GET, POST and DELETE",
        );
    }
    let query = parts
        .uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let Some(path) = of_server(parts.uri.path()) else {
        return refuse(
            StatusCode::NOT_FOUND,
            "the console reaches /v1/ of the server only",
        );
    };
    let Ok(body) = axum::body::to_bytes(body, BODY).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "8 MiB at most");
    };
    send(&app, parts.method, &format!("{path}{query}"), body).await
}

/// The server's path; none where segments could lead out of its `/v1/`.
fn of_server(path: &str) -> Option<String> {
    let within = path
        .strip_prefix("/v1/")
        .or_else(|| path.strip_prefix("/api/v1/"))?;
    let is_plain = |segment: &str| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        !matches!(segment.as_str(), "" | "." | "..")
    };
    within
        .split('/')
        .all(is_plain)
        .then(|| format!("/v1/{within}"))
}

async fn send(app: &App, method: Method, path: &str, body: Bytes) -> Response {
    let reply = match app.console.api.send((method, path), body, WITHIN).await {
        Ok(reply) => reply,
        Err(error) => return refuse(StatusCode::BAD_GATEWAY, &error.to_string()),
    };
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let json = reply.header("content-type").contains("json");
    let kind = if json {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    };
    let mut response = (status, [(CONTENT_TYPE, kind)], reply.body).into_response();
    for name in [RETRY_AFTER, HeaderName::from_static("x-node-id")] {
        if let Some(value) = reply.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::of_server;

    #[test]
    fn paths_stay_within_the_interface() {
        for (path, expected) in [
            ("/api/v1/keys", Some("/v1/keys")),
            ("/v1/channels", Some("/v1/channels")),
            (
                "/api/v1/namespaces/a/channels/b%20c/messages",
                Some("/v1/namespaces/a/channels/b%20c/messages"),
            ),
            ("/api/v1/../metrics", None),
            ("/api/v1/%2e%2E/metrics", None),
            ("/api/v1//healthcheck", None),
            ("/api/v2/keys", None),
        ] {
            assert_eq!(of_server(path).as_deref(), expected, "{path}");
        }
    }
}
