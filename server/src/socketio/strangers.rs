//! Requests that a load balancer or a page has sent where they do not belong: of sessions that this
//! node does not have, without a cookie, or from pages of other origins. Each is counted, and told
//! in the log with its likely cause, so often at most.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::header::{COOKIE, HeaderMap, ORIGIN};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::admission::Client;
use crate::metrics::Metrics;
use crate::origin;
use crate::settings::{Settings, StoreSettings};

/// From one log line of a kind to the next.
const PAUSE: Duration = Duration::from_secs(10);

/// Counts requests that belong to no session of this node, and logs their likely cause.
#[derive(Debug)]
pub(super) struct Strangers {
    /// Where several nodes share the store.
    has_others: bool,
    origins: Vec<HeaderValue>,
    without_cookie: DefaultDirectRateLimiter,
    with_cookie: DefaultDirectRateLimiter,
    other_origin: DefaultDirectRateLimiter,
}

impl Strangers {
    pub(super) fn new(settings: &Settings) -> Self {
        let limiter = || {
            let quota = Quota::with_period(PAUSE).unwrap_or(Quota::per_hour(NonZeroU32::MIN));
            RateLimiter::direct(quota)
        };
        Self {
            has_others: matches!(settings.store, StoreSettings::Redis(_)),
            origins: settings.cors_origins.clone(),
            without_cookie: limiter(),
            with_cookie: limiter(),
            other_origin: limiter(),
        }
    }

    /// Counts a polling request of a session that carries no cookie, if that matters.
    pub(super) fn look_at_poll(&self, headers: &HeaderMap, metrics: &Metrics) {
        if self.has_others && !headers.contains_key(COOKIE) {
            metrics.polling_without_cookie.inc();
        }
    }

    /// Tells of a session that this node does not have.
    pub(super) fn unknown_session(&self, headers: &HeaderMap, client: Client) {
        let has_cookie = headers.contains_key(COOKIE);
        if !has_cookie && self.without_cookie.check().is_ok() {
            tracing::warn!(
                %client,
                "unknown session: the request carries no cookie, so a load balancer sends it to any \
                 node. In JavaScript set withCredentials: true, elsewhere keep cookies; or use \
                 transports: [\"websocket\"]. Behind no load balancer: the session has ended"
            );
        }
        if has_cookie && self.with_cookie.check().is_ok() {
            tracing::info!(
                %client,
                "unknown session: it has ended, or its node has gone; the client connects again"
            );
        }
    }

    /// Whether a page of this origin may open a session: any, where no origins are set; else those,
    /// and the server's own. Programs send no origin, and pass.
    pub(super) fn may_connect(&self, headers: &HeaderMap, client: Client) -> bool {
        let Some(origin) = headers.get(ORIGIN) else {
            return true;
        };
        if self.origins.is_empty()
            || self.origins.contains(origin)
            || origin::is_own(origin, headers)
        {
            return true;
        }
        if self.other_origin.check().is_ok() {
            let origin = origin::logged(origin);
            tracing::warn!(%client, origin, "a page of this origin may not connect: CORS_ORIGINS does not name it");
        }
        false
    }
}
