//! What load balancers and tools ask without a key.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::App;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    node: &'a str,
    version: &'static str,
}

/// `GET /healthcheck`: 503 while the node is leaving. A store outage is no reason for that: it is
/// every node's, and a balancer that took them all out would help nobody.
pub(super) async fn check(State(app): State<App>) -> Response {
    let (code, status) = match (app.is_draining(), app.context.store.is_away()) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, true) => (StatusCode::OK, "degraded"),
        (false, false) => (StatusCode::OK, "ok"),
    };
    let health = Health {
        status,
        node: &app.context.node,
        version: env!("CARGO_PKG_VERSION"),
    };
    (code, Json(health)).into_response()
}
