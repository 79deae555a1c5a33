//! `GET /openapi.json`: the interface's description, made small for whoever asks without a key. It
//! is sent compressed, as 304 to who has it already, and only so often.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use governor::clock::Clock as _;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::App;
use crate::admission::Client;
use crate::keys::sha256;
use crate::problem::Problem;

/// Kept true by tests that validate live answers against it.
const TEXT: &str = include_str!("openapi.json");
/// How long who has it need not ask again. A new release may change it.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=3600");
/// Whole documents that a node sends in a second, to all.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// The document as it is sent.
struct Document {
    tag: HeaderValue,
    compressed: Bytes,
    limiter: DefaultDirectRateLimiter,
}

fn document() -> &'static Document {
    static DOCUMENT: OnceLock<Document> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let digest: String = sha256(TEXT)
            .iter()
            .take(8)
            .map(|b| format!("{b:02x}"))
            .collect();
        // Weak: the same tag stands for the compressed and the plain form.
        let tag = HeaderValue::from_str(&format!("W/\"{digest}\""));
        Document {
            tag: tag.unwrap_or(HeaderValue::from_static("W/\"0\"")),
            compressed: compress().unwrap_or_default(),
            limiter: RateLimiter::direct(Quota::per_second(PER_SECOND)),
        }
    })
}

fn compress() -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(TEXT.as_bytes())?;
    Ok(encoder.finish()?.into())
}

/// Answers with the OpenAPI document.
pub(super) async fn show(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = app.admission.arrive(client, false) {
        return refused.into_response();
    }
    let document = document();
    let common = [
        (ETAG, document.tag.clone()),
        (CACHE_CONTROL, CACHED),
        (VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if is_known(&headers, &document.tag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    if let Err(until) = document.limiter.check() {
        return put_off(
            &app,
            client,
            until.wait_time_from(governor::clock::DefaultClock::default().now()),
        );
    }
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    match takes_gzip(&headers) && !document.compressed.is_empty() {
        true => {
            let encoding = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            (common, json, encoding, document.compressed.clone()).into_response()
        }
        false => (common, json, TEXT).into_response(),
    }
}

fn put_off(app: &App, client: Client, wait: Duration) -> Response {
    app.admission.refused("openapi_rate", client);
    let problem = Problem::too_many("The description is requested too often; cache it");
    let seconds = wait.as_millis().div_ceil(1000).max(1) as u64;
    problem.after(seconds).into_response()
}

/// Whether the client has this document already.
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let opaque = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let own = opaque(tag.to_str().unwrap_or_default());
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|entry| entry.trim() == "*" || opaque(entry) == own)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut codings = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = parameters.trim().strip_prefix("q=");
        let refused = quality.and_then(|q| q.trim().parse::<f32>().ok()) == Some(0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: axum::http::HeaderName, value: &'static str) -> HeaderMap {
        [(name, HeaderValue::from_static(value))]
            .into_iter()
            .collect()
    }

    #[test]
    fn compression_is_for_who_takes_it() {
        for (value, taken) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0, br", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(
                takes_gzip(&headers(ACCEPT_ENCODING, value)),
                taken,
                "{value}"
            );
        }
    }

    #[test]
    fn the_tag_is_recognised_in_each_form() {
        let tag = HeaderValue::from_static("W/\"abc\"");
        for (value, known) in [
            ("W/\"abc\"", true),
            ("\"abc\"", true),
            ("\"x\", W/\"abc\"", true),
            ("*", true),
            ("\"ab\"", false),
        ] {
            assert_eq!(
                is_known(&headers(IF_NONE_MATCH, value), &tag),
                known,
                "{value}"
            );
        }
    }
}
