//! Headers on the way through: limits, what AWS adds for the target, what ends at each hop.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html>

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Version};

use super::config::{Config, XForwardedFor};
use super::event::Cause;

/// Request limits: 16 K for the request line, 16 K for a header, 64 K together; 32 K for a
/// response's header.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
const LINE_LIMIT: usize = 16 * 1024;
const REQUEST_LIMIT: usize = 64 * 1024;
pub(crate) const RESPONSE_LIMIT: usize = 32 * 1024;
/// Addresses in `X-Forwarded-For`.
const ADDRESS_LIMIT: usize = 30;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Meant for the next hop alone (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Bytes of a header as sent: each line with its colon, space and line end.
pub(crate) fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| line(name, value)).sum()
}

fn line(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len() + value.len() + 4
}

/// What the balancer refuses before any target sees it.
pub(crate) fn refuse(request: &Parts) -> Option<Cause> {
    let request_line =
        request.method.as_str().len() + request.uri.to_string().len() + " HTTP/1.1 \r\n".len();
    let widest = request
        .headers
        .iter()
        .map(|(name, value)| line(name, value))
        .max()
        .unwrap_or(0);
    if request_line > LINE_LIMIT
        || widest > LINE_LIMIT
        || request_line + size(&request.headers) > REQUEST_LIMIT
    {
        return Some(Cause::RequestHeaderTooLarge);
    }
    if request.method == Method::TRACE {
        return Some(Cause::MethodNotAllowed);
    }
    if request.version == Version::HTTP_11
        && request.headers.get_all(header::HOST).iter().count() != 1
    {
        return Some(Cause::BadRequest);
    }
    (forwarded_addresses(&request.headers) > ADDRESS_LIMIT).then_some(Cause::TooManyAddresses)
}

fn forwarded_addresses(headers: &HeaderMap) -> usize {
    let values = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter(|address| !address.trim().is_empty())
        .count()
}

/// Whether the request asks for a WebSocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    let has = |name, token: &str| {
        let values = headers
            .get_all(name)
            .iter()
            .filter_map(|value: &HeaderValue| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(token))
    };
    has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket")
}

/// Takes away what ends at this hop; `upgrade` keeps the pair that asks for, or grants, a
/// WebSocket.
pub(crate) fn strip(headers: &mut HeaderMap, upgrade: bool) {
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let protocol = headers.get(header::UPGRADE).cloned();
    for name in HOP_BY_HOP.iter().chain(&listed) {
        headers.remove(name);
    }
    if let (true, Some(protocol)) = (upgrade, protocol) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
}

/// Adds what AWS tells a target about the client, and drops invalid names where the balancer is set
/// to.
pub(crate) fn forward(
    headers: &mut HeaderMap,
    config: &Config,
    client: SocketAddr,
    port: u16,
    trace: &TraceIds,
) {
    if config.drop_invalid_header_fields {
        // Valid here means what the attribute's documentation says: `[-A-Za-z0-9]+`.
        let valid = |name: &HeaderName| {
            name.as_str()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let invalid: Vec<_> = headers
            .keys()
            .filter(|name| !valid(name))
            .cloned()
            .collect();
        for name in invalid {
            headers.remove(name);
        }
    }
    match config.x_forwarded_for {
        XForwardedFor::Append => append_client(headers, config.xff_client_port, client),
        XForwardedFor::Preserve => {}
        XForwardedFor::Remove => drop(headers.remove(X_FORWARDED_FOR)),
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    headers.insert(X_FORWARDED_PORT, HeaderValue::from(port));
    trace.stamp(headers);
}

fn append_client(headers: &mut HeaderMap, with_port: bool, client: SocketAddr) {
    let before: Vec<_> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .collect();
    let address = match (with_port, client.ip().to_canonical()) {
        (false, address) => address.to_string(),
        (true, IpAddr::V4(address)) => format!("{address}:{}", client.port()),
        (true, IpAddr::V6(address)) => format!("[{address}]:{}", client.port()),
    };
    let all = before
        .into_iter()
        .map(ToOwned::to_owned)
        .chain([address])
        .collect::<Vec<_>>()
        .join(", ");
    if let Ok(value) = HeaderValue::from_str(&all) {
        headers.insert(X_FORWARDED_FOR, value);
    }
}

/// Request tracing: `Root` where the request has none, else `Self` in front of what it has.
///
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html>
pub(crate) struct TraceIds {
    key: RandomState,
    count: std::sync::atomic::AtomicU64,
}

impl TraceIds {
    pub(crate) fn new() -> Self {
        Self {
            key: RandomState::new(),
            count: std::sync::atomic::AtomicU64::new(0),
        }
    }

    fn stamp(&self, headers: &mut HeaderMap) {
        let count = self
            .count
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let (high, low) = (self.key.hash_one(count), self.key.hash_one(!count) >> 32);
        let id = format!("1-{seconds:08x}-{high:016x}{low:08x}");
        let sent = headers
            .get(X_AMZN_TRACE_ID)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let kept: Vec<_> = sent
            .split(';')
            .filter(|f| !f.is_empty() && !f.trim().starts_with("Self="))
            .collect();
        let value = if kept.iter().any(|field| field.trim().starts_with("Root=")) {
            format!("Self={id};{}", kept.join(";"))
        } else {
            [format!("Root={id}")]
                .into_iter()
                .chain(kept.into_iter().map(str::to_owned))
                .collect::<Vec<_>>()
                .join(";")
        };
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(X_AMZN_TRACE_ID, value);
        }
    }
}
