//! Answers that are long in coming. Their connections wait without a request, and without the
//! buffers that one takes.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap};
use axum::http::{HeaderValue, Request, Response, Version};
use bytes::{Buf, Bytes};
use hyper::body::Body as _;

/// An answer that is still to come. It lies in the extensions of a response that stands for it, so
/// that layers add their headers.
#[derive(Clone)]
pub(crate) struct Later(Arc<Mutex<Option<Coming>>>);

type Coming = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

impl Later {
    /// The response that stands for `answer`.
    pub(crate) fn response(
        answer: impl Future<Output = Response<Body>> + Send + 'static,
    ) -> Response<Body> {
        let coming: Coming = Box::pin(answer);
        let mut standing_in = Response::new(Body::empty());
        let later = Self(Arc::new(Mutex::new(Some(coming))));
        standing_in.extensions_mut().insert(later);
        standing_in
    }
}

/// An answer that is waited for, and the headers that layers have given it.
pub(super) struct Awaited {
    coming: Coming,
    headers: HeaderMap,
}

impl Awaited {
    /// What a response stands for, if it is not the answer itself.
    pub(super) fn behind(response: &mut Response<Body>) -> Option<Self> {
        let Later(coming) = response.extensions_mut().remove::<Later>()?;
        let coming = coming.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut headers = std::mem::take(response.headers_mut());
        // That of the empty body.
        headers.remove(CONTENT_LENGTH);
        Some(Self {
            coming: coming?,
            headers,
        })
    }

    /// Whether the connection ends with the answer.
    pub(super) fn closes(&self) -> bool {
        is_close(&self.headers)
    }

    /// The answer.
    pub(super) async fn answer(self) -> Response<Body> {
        let mut response = self.coming.await;
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Whether a request's connection may wait for the answer: nothing follows the request, and the
/// connection outlives it.
pub(super) fn may_wait(request: &Request<Body>) -> bool {
    request.version() == Version::HTTP_11
        && request.body().is_end_stream()
        && !is_close(request.headers())
}

fn is_close(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter();
    let mut options = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// A response as HTTP/1.1 writes it (RFC 9112, section 2.1). `closes` says that it is the last on
/// its connection.
pub(super) async fn written(
    response: Response<Body>,
    closes: bool,
) -> Result<impl Buf, axum::Error> {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await?;
    let date = httpdate::fmt_http_date(SystemTime::now());
    if let Ok(date) = HeaderValue::try_from(date) {
        parts.headers.insert(DATE, date);
    }
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    if closes {
        let close = HeaderValue::from_static("close");
        parts.headers.insert(CONNECTION, close);
    }
    let mut head = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    Ok(Bytes::from(head).chain(body))
}

/// Why the HTTP layer gives up a connection: it waits for an answer without it.
#[derive(Debug)]
pub(super) struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection waits for an answer")
    }
}

impl std::error::Error for GivenUp {}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;

    use super::*;

    #[tokio::test]
    async fn the_answer_has_the_headers_of_the_one_that_stood_for_it() {
        let answer = async { (StatusCode::OK, "2").into_response() };
        let mut response = Later::response(answer);
        let headers = response.headers_mut();
        headers.insert("x-node-id", HeaderValue::from_static("n1"));
        headers.insert(CONTENT_LENGTH, 0.into());
        let awaited = Awaited::behind(&mut response).unwrap();
        assert!(Awaited::behind(&mut response).is_none());
        let mut wire = written(awaited.answer().await, true).await.unwrap();
        let wire = wire.copy_to_bytes(wire.remaining());
        let wire = std::str::from_utf8(&wire).unwrap();
        let (head, body) = wire.split_once("\r\n\r\n").unwrap();
        assert_eq!((head.lines().next(), body), (Some("HTTP/1.1 200 OK"), "2"));
        for line in ["x-node-id: n1", "content-length: 1", "connection: close"] {
            assert!(head.lines().any(|other| other == line), "{line}: {head}");
        }
    }
}
