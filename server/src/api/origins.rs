//! Pages of origins that are not listed: their browsers report an error that names no cause, so the
//! log does.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::ORIGIN;
use axum::middleware::Next;
use axum::response::Response;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::{engine, origin};

/// A page tries again every few seconds: one line of the log in this time is enough.
const PERIOD: Duration = Duration::from_secs(10);
/// Lines at once, for pages of several origins.
const BURST: NonZeroU32 = NonZeroU32::new(4).unwrap();

/// The origins whose pages may read the answers.
pub(super) struct Origins {
    listed: Vec<HeaderValue>,
    lines: Option<DefaultDirectRateLimiter>,
}

impl Origins {
    pub(super) fn new(listed: Vec<HeaderValue>) -> Arc<Self> {
        let quota = Quota::with_period(PERIOD).map(|quota| quota.allow_burst(BURST));
        let lines = quota.map(RateLimiter::direct);
        Arc::new(Self { listed, lines })
    }

    /// Whether the page is on an origin that is not listed, and not the service's own. A WebSocket
    /// is none of its browser's concern: the gate admits it.
    fn is_strange(&self, request: &Request, page: &HeaderValue) -> bool {
        !self.listed.contains(page)
            && !origin::is_own(page, request.headers())
            && !engine::is_wanted(request)
    }
}

/// Tells of a page whose browser will keep the answer from it.
pub(super) async fn tell(
    State(origins): State<Arc<Origins>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(origin) = request.headers().get(ORIGIN)
        && origins.is_strange(&request, origin)
        && let Some(lines) = &origins.lines
        && lines.check().is_ok()
    {
        let origin = origin::logged(origin);
        tracing::warn!(
            origin,
            setting = "CORS_ORIGINS",
            "a page of an origin that is not listed asks for the service: its browser keeps the \
             answers from it. List the origin in CORS_ORIGINS (server.cors_origins)",
        );
    }
    next.run(request).await
}
