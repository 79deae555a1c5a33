//! One HTTP request on a connection of its own, with what a probe wants to see of the answer; and a
//! cookie jar.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::dial::{Trust, dial};
use super::{Address, Error};

/// Bytes of an answer's body at most; nothing that is asked for here comes near.
pub(crate) const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// From before the connection was opened until the body's end.
    pub took: Duration,
}

impl Reply {
    /// A header's text, empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request and waits `within` for its whole answer, of any status.
///
/// # Errors
/// When there was no connection, no answer in time, or none that is HTTP.
pub async fn request(
    address: &Address,
    what: (Method, &str),
    headers: &HeaderMap,
    body: Bytes,
    within: Duration,
) -> Result<Reply, Error> {
    request_of((address, &Trust::default()), what, headers, body, within).await
}

/// The same of a server whose certificate is trusted by `Trust`.
pub(crate) async fn request_of(
    server: (&Address, &Trust),
    (method, path): (Method, &str),
    headers: &HeaderMap,
    body: Bytes,
    within: Duration,
) -> Result<Reply, Error> {
    tokio::time::timeout(within, exchange(server, method, path, headers, body))
        .await
        .map_err(|_| Error::Timeout(within))?
}

async fn exchange(
    (address, trust): (&Address, &Trust),
    method: Method,
    path: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Reply, Error> {
    let began = Instant::now();
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address.authority());
    if let Some(all) = request.headers_mut() {
        all.insert(
            header::USER_AGENT,
            HeaderValue::from_static(concat!("holdfast/", env!("CARGO_PKG_VERSION"))),
        );
        all.insert(header::CONNECTION, HeaderValue::from_static("close"));
        all.extend(headers.clone());
    }
    let request = request
        .body(Full::new(body))
        .map_err(|error| Error::Protocol(error.to_string()))?;
    let broken = |error: hyper::Error| Error::Broken(chain(&error));
    let (mut sender, connection) = http1::handshake(TokioIo::new(dial(address, trust).await?))
        .await
        .map_err(broken)?;
    let answer = async {
        let (parts, body) = sender
            .send_request(request)
            .await
            .map_err(broken)?
            .into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await;
        let body = body
            .map_err(|error| Error::Broken(error.to_string()))?
            .to_bytes();
        Ok(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            took: began.elapsed(),
        })
    };
    // Polled side by side: the connection makes the answer's progress, and its end is not an
    // answer.
    let (answer, _) = tokio::join!(answer, connection);
    answer
}

/// An error with what caused it, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Cookies of one server, as a browser would send them back. Paths and expiry do not matter within
/// a probe.
#[derive(Debug, Clone, Default)]
pub struct Cookies(BTreeMap<String, String>);

impl Cookies {
    /// Takes over what an answer sets. A `Secure` cookie is dropped where the address is not: so do
    /// browsers.
    pub fn take(&mut self, headers: &HeaderMap, address: &Address) {
        for cookie in headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            let secure = cookie
                .split(';')
                .any(|part| part.trim().eq_ignore_ascii_case("secure"));
            let Some((name, value)) = cookie
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='))
            else {
                continue;
            };
            if !secure || address.secure {
                self.0
                    .insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    /// The names that are kept.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Adds the `Cookie` header, if there are any.
    pub fn send(&self, headers: &mut HeaderMap) {
        let all: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if let (false, Ok(value)) = (all.is_empty(), HeaderValue::from_str(&all.join("; "))) {
            headers.insert(header::COOKIE, value);
        }
    }
}
