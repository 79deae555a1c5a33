//! The origin that a page states in its requests.

use axum::http::HeaderValue;
use axum::http::header::{HOST, HeaderMap};

/// Characters of an origin that are logged; a longer one is none of a page.
const MOST_LOGGED: usize = 128;

/// An origin as the log has it.
pub(crate) fn logged(origin: &HeaderValue) -> String {
    let origin = String::from_utf8_lossy(origin.as_bytes());
    origin.chars().take(MOST_LOGGED).collect()
}

/// Whether an origin is the server itself, by the name that the client uses for it.
pub(crate) fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
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
