//! `GET /v1/metrics`: what `/metrics` on the admin listener answers, for a backend that asks through
//! the load balancer. It is of the node that answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::App;
use crate::backends::Backend;
use crate::problem::Problem;

const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long a page is told again: counting the sockets of a full node takes milliseconds, and a
/// console asks more often than there are nodes.
const FRESH: Duration = Duration::from_millis(500);

/// The page that was made last, and when.
#[derive(Default)]
pub(super) struct Latest(Mutex<Option<(Instant, Bytes)>>);

impl Latest {
    /// It, while it is fresh, or a new one.
    async fn page(&self, app: &App) -> Bytes {
        let mut latest = self.0.lock().await;
        match &*latest {
            Some((at, page)) if at.elapsed() < FRESH => page.clone(),
            _ => latest
                .insert((Instant::now(), app.metrics_page().into()))
                .1
                .clone(),
        }
    }
}

/// For a backend. One that may use some namespaces only must not see figures of the others.
pub(super) async fn show(
    State(app): State<App>,
    Extension(backend): Extension<Arc<Backend>>,
    Extension(latest): Extension<Arc<Latest>>,
) -> Result<Response, Problem> {
    if backend.is_limited() {
        return Err(Problem::forbidden(
            "Metrics are of all namespaces, and this backend key opens some only",
        ));
    }
    let page = latest.page(&app).await;
    Ok(([(CONTENT_TYPE, FORMAT)], page).into_response())
}

/// The node's metrics of this moment, without asking who reads them.
pub(crate) async fn page(State(app): State<App>) -> Response {
    ([(CONTENT_TYPE, FORMAT)], app.metrics_page()).into_response()
}
