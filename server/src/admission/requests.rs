//! What every request passes: its client is found out, and its body does not outlive the answer
//! unread.
//!
//! A server that answers without having read the body closes the connection, and a load balancer
//! that is still sending then answers 502 in the server's name. So the rest is read first, within
//! bounds.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Admission, Client, Permit, Reason, Refused, SOON};
use crate::problem::Problem;

/// How long the rest of a body may take, and bytes of it.
const DRAIN_TIME: Duration = Duration::from_secs(10);
const DRAIN_BYTES: usize = 32 << 20;
/// How long nothing of it may come.
const DRAIN_QUIET: Duration = Duration::from_secs(2);

/// The place of a request among those of its address. A backend that has shown its key gives it
/// back.
#[derive(Clone)]
pub(crate) struct InFlight(Arc<Mutex<Option<Permit>>>);

impl InFlight {
    /// Gives the place back before the request is answered.
    pub(crate) fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Middleware: finds out the client, which is in the request's extensions from here on, and bounds
/// the requests that one address has in flight. The extensions hold the connection's permit
/// already.
pub async fn admit_request(
    State(admission): State<Arc<Admission>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(connection) = request.extensions().get::<Arc<Permit>>().cloned() else {
        return Problem::internal("the request came over no connection of this server")
            .into_response();
    };
    let Some(peer) = connection.peer() else {
        return Problem::internal("the permit is not a connection's").into_response();
    };
    let client = admission.client(peer, request.headers());
    request.extensions_mut().insert(client);
    let mut response = pass(&admission, client, connection.is_reserved(), request, next).await;
    if connection.is_reserved() {
        // The place is to be free again for others that it is reserved for.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

async fn pass(
    admission: &Arc<Admission>,
    client: Client,
    reserved: bool,
    mut request: Request,
    next: Next,
) -> Response {
    // Health checks pass whatever happens: a balancer that hears nothing takes the node out.
    if request.uri().path() == "/healthcheck" {
        return next.run(request).await;
    }
    if reserved && !is_backend(request.uri()) {
        admission.refused(Reason::ReservedPlace.name(), client);
        return Refused::new(Reason::ReservedPlace, SOON).into_response();
    }
    match admission.request(client) {
        Ok(permit) => {
            let place = InFlight(Arc::new(Mutex::new(Some(permit))));
            request.extensions_mut().insert(place.clone());
            let response = next.run(request).await;
            place.release();
            response
        }
        Err(refused) => refused.into_response(),
    }
}

fn is_backend(uri: &Uri) -> bool {
    uri.path().starts_with("/v1/")
}

/// Middleware: reads what is left of a request's body before it is answered.
pub async fn drained(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let waits_for_go_ahead = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    let (home, returned) = oneshot::channel();
    let lent = Lent {
        body: Some(body),
        home: Some(home),
        touched: false,
    };
    let response = next.run(Request::from_parts(parts, Body::new(lent))).await;
    // Whoever answers is done with the body; if not, the answer does not wait for it for ever.
    match timeout(DRAIN_TIME, returned).await {
        // Who waits for the go-ahead sends nothing after this answer; reading would tell it to.
        Ok(Ok((body, touched))) if touched || !waits_for_go_ahead => drain(body).await,
        _ => {}
    }
    response
}

async fn drain(mut body: Body) {
    let read = async {
        let mut left = DRAIN_BYTES;
        while let Ok(Some(Ok(frame))) = timeout(DRAIN_QUIET, body.frame()).await {
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else {
                return;
            };
            left = rest;
        }
    };
    // What is longer or slower than that cannot be told apart from an attack.
    let _ = timeout(DRAIN_TIME, read).await;
}

/// A body that comes home when it is dropped, unless it was read to its end.
struct Lent {
    body: Option<Body>,
    home: Option<oneshot::Sender<(Body, bool)>>,
    touched: bool,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.touched = true;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(home), Some(body)) = (self.home.take(), self.body.take())
            && !body.is_end_stream()
        {
            // Nobody waits any more if the connection has ended.
            let _ = home.send((body, self.touched));
        }
    }
}
