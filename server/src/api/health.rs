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
    /// Why it is degraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// `GET /healthcheck`: 503 while the node is leaving. A store outage or a full disk is no reason for
/// that: a balancer that took every node out would help nobody.
pub(super) async fn check(State(app): State<App>) -> Response {
    let reason = app.context.store.trouble();
    let (code, status) = match (app.is_draining(), &reason) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, Some(_)) => (StatusCode::OK, "degraded"),
        (false, None) => (StatusCode::OK, "ok"),
    };
    let health = Health {
        status,
        node: &app.context.node,
        version: env!("CARGO_PKG_VERSION"),
        reason,
    };
    (code, Json(health)).into_response()
}
