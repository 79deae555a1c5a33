//! From a request to a WebSocket: the answer that accepts it, and the connection that it becomes.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tungstenite::handshake::derive_accept_key;

use super::machine::ProbeId;
use super::protocol::{Config, Protocol, RequestError, Transport};
use super::session::{Session, Upper};
use super::websocket::Driver;
use crate::connection::{Guarded, Open};

/// A connection that is about to become a WebSocket.
pub struct Upgrading(OnUpgrade);

/// A WebSocket on which nothing was said yet.
pub struct Connected {
    stream: TcpStream,
    open: Open,
    /// What the client has sent without waiting for the answer: a copy, since the connection's
    /// buffer is large.
    early: Vec<u8>,
}

/// Whether a request asks for a WebSocket.
#[must_use]
pub fn is_wanted(request: &Request<Body>) -> bool {
    let to = request.headers().get(UPGRADE);
    to.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Accepts a WebSocket (RFC 6455, section 4.2).
///
/// # Errors
/// The request does not ask for one as it must.
pub fn accept(request: &mut Request<Body>) -> Result<(Response<Body>, Upgrading), RequestError> {
    let headers = request.headers();
    let is_13 = headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_some_and(|version| version == "13");
    let key = headers.get(SEC_WEBSOCKET_KEY);
    let key = key.filter(|_| is_13 && is_wanted(request) && request.method() == Method::GET);
    let accept = derive_accept_key(key.ok_or(RequestError::BadRequest)?.as_bytes());
    let accept = HeaderValue::try_from(accept).map_err(|_| RequestError::BadRequest)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok((response, Upgrading(hyper::upgrade::on(request))))
}

impl Upgrading {
    /// The WebSocket, once the client was told that it is one; none if its connection has gone.
    pub async fn connected(self) -> Option<Connected> {
        let upgraded = self.0.await.ok()?;
        let parts = upgraded.downcast::<TokioIo<Guarded>>().ok()?;
        let (stream, open) = parts.io.into_inner().into_parts();
        Some(Connected {
            stream,
            open,
            early: parts.read_buf.to_vec(),
        })
    }
}

impl Connected {
    /// Opens a session over the WebSocket. `upper` is what `layer` makes of it.
    pub fn open(
        self,
        protocol: Protocol,
        config: &Arc<Config>,
        layer: impl FnOnce(&Arc<Session>) -> std::sync::Weak<dyn Upper>,
    ) {
        let (reads, writes) = self.stream.into_split();
        let transport = Transport::WebSocket;
        let session = Session::new(protocol, transport, config.clone(), Some(writes));
        session.open(&config.open_packet(session.id, transport));
        session.set_upper(layer(&session));
        let driver = Driver::new(session, reads, None, config.max_payload, self.open);
        tokio::spawn(driver.run(self.early));
    }

    /// Tries whether the WebSocket can carry a session that polls.
    pub fn try_out(self, session: Arc<Session>, probe: ProbeId, config: &Config) {
        let (reads, writes): (_, OwnedWriteHalf) = self.stream.into_split();
        let probe = Some((probe, writes));
        let driver = Driver::new(session, reads, probe, config.max_payload, self.open);
        tokio::spawn(driver.run(self.early));
    }
}
