//! `GET /v1/metrics`: what `/metrics` on the admin listener answers, for a backend that asks through
//! the load balancer. It is of the node that answers.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::App;
use crate::backends::Backend;
use crate::problem::Problem;

const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// For a backend. One that may use some namespaces only must not see figures of the others.
pub(super) async fn show(
    State(app): State<App>,
    Extension(backend): Extension<Arc<Backend>>,
) -> Result<Response, Problem> {
    if backend.is_limited() {
        return Err(Problem::forbidden(
            "Metrics are of all namespaces, and this backend key opens some only",
        ));
    }
    Ok(page(State(app)).await)
}

/// The node's metrics, without asking who reads them.
pub(crate) async fn page(State(app): State<App>) -> Response {
    ([(CONTENT_TYPE, FORMAT)], app.metrics_page()).into_response()
}
