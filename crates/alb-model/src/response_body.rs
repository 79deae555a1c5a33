//! Bodies of answers on their way to clients.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::target::Outstanding;

/// What clients get: a target's body or the balancer's own.
pub(crate) type ResponseBody = BoxBody<Bytes, hyper::Error>;

/// A target's body on its way; the request counts as outstanding until it ends.
pub(crate) struct Counted {
    pub(crate) body: Incoming,
    pub(crate) _under_way: Outstanding,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
