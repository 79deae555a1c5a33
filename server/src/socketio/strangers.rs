//! Requests that a load balancer or a page has sent where they do not belong: of sessions that this
//! node does not have, without a cookie, or from pages of other origins. Each is counted, and told
//! in the log with its likely cause, so often at most.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::header::{COOKIE, HOST, HeaderMap, ORIGIN};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::admission::Client;
use crate::metrics::Metrics;
use crate::settings::{Settings, StoreSettings};

/// From one log line of a kind to the next.
const PAUSE: Duration = Duration::from_secs(10);
/// Bytes of an origin that are logged.
const MOST_LOGGED: usize = 200;

/// See the module.
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
        if self.origins.is_empty() || self.origins.contains(origin) || is_own(origin, headers) {
            return true;
        }
        if self.other_origin.check().is_ok() {
            let origin = String::from_utf8_lossy(origin.as_bytes());
            let origin: String = origin.chars().take(MOST_LOGGED).collect();
            tracing::warn!(%client, origin, "a page of this origin may not connect: CORS_ORIGINS does not name it");
        }
        false
    }
}

/// Whether an origin is the server itself, by the name that the client uses for it.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().map(str::to_ascii_lowercase).ok();
    let host = headers.get(HOST).and_then(text);
    let origin = text(origin);
    let authority = origin
        .as_deref()
        .and_then(|origin| origin.split_once("://"));
    authority.is_some_and(|(_, authority)| host.as_deref() == Some(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_knows_its_own_pages() {
        let headers =
            |host: &'static str| HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
        for (origin, host, own) in [
            ("https://drops.example.com", "drops.example.com", true),
            ("http://LOCALHOST:8080", "localhost:8080", true),
            ("https://drops.example.com", "drops.example.com:8443", false),
            ("https://evil.example.com", "drops.example.com", false),
            ("null", "drops.example.com", false),
        ] {
            let origin = HeaderValue::from_static(origin);
            assert_eq!(is_own(&origin, &headers(host)), own, "{origin:?}");
        }
    }
}
