//! The WebSocket transport: a session of its own, or the upgrade of a polling one.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::Error;
use super::dial::dial;
use super::http::{BODY_LIMIT, Reply, chain};
use super::packet::Engine;
use super::polling::Polling;

/// A WebSocket that carries Engine.IO packets.
pub struct WebSocket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    /// Headers of the answer that granted it.
    pub headers: HeaderMap,
}

impl WebSocket {
    /// Opens one: with the polling session's id, cookies and headers, or without an id a session of
    /// its own.
    ///
    /// # Errors
    /// When it is refused or does not come about within `within`.
    pub async fn open(to: &Polling, within: Duration) -> Result<Self, Error> {
        timeout(within, Self::connect(to))
            .await
            .map_err(|_| Error::Timeout(within))?
    }

    async fn connect(to: &Polling) -> Result<Self, Error> {
        let began = Instant::now();
        let key = generate_key();
        let request = request(to, &key)?;
        let broken = |error: hyper::Error| Error::Broken(chain(&error));
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(dial(&to.address, &to.trust).await?))
                .await
                .map_err(broken)?;
        // By hand rather than by the WebSocket library, which does not decode the body of a refusal.
        let answer = async move {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            if status == StatusCode::SWITCHING_PROTOCOLS {
                let io = hyper::upgrade::on(answer).await.map_err(broken)?;
                return Ok((io, headers));
            }
            let body = Limited::new(answer.into_body(), BODY_LIMIT).collect().await;
            let body = body.map_err(|error| Error::Broken(error.to_string()))?;
            Err(Error::Refused(Box::new(Reply {
                status: status.as_u16(),
                headers,
                body: body.to_bytes(),
                took: began.elapsed(),
            })))
        };
        // Polled side by side: the connection makes the answer's progress, and hands itself over.
        let (answer, _) = tokio::join!(answer, connection.with_upgrades());
        let (io, headers) = answer?;
        let accepted = headers.get(header::SEC_WEBSOCKET_ACCEPT);
        if accepted.map(HeaderValue::as_bytes) != Some(derive_accept_key(key.as_bytes()).as_bytes())
        {
            let text = "the answer 101 does not accept this WebSocket's key";
            return Err(Error::Protocol(text.to_owned()));
        }
        let io = TokioIo::new(io);
        let stream = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
        Ok(Self { stream, headers })
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, packet: &Engine) -> Result<(), Error> {
        self.stream
            .send(Message::text(packet.write()))
            .await
            .map_err(|error| Error::Broken(chain(&error)))
    }

    /// Waits for a packet without a bound.
    ///
    /// # Errors
    /// When the connection ends, in order or not.
    pub async fn next(&mut self) -> Result<Engine, Error> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Engine::read(&text),
                Some(Ok(Message::Binary(_))) => {
                    return Err(Error::Protocol("a binary message".into()));
                }
                Some(Ok(Message::Close(frame))) => {
                    let why = frame
                        .map(|frame| format!(" (code {})", frame.code))
                        .unwrap_or_default();
                    return Err(Error::Closed(why));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Error::Broken(chain(&error))),
                None => return Err(Error::Closed(String::new())),
            }
        }
    }

    /// Waits for a packet that `fits`, answering heartbeats; others are passed over.
    ///
    /// # Errors
    /// When the connection ends, or none comes within `within`.
    pub async fn wait<T>(
        &mut self,
        within: Duration,
        fits: impl Fn(Engine) -> Option<T>,
    ) -> Result<T, Error> {
        let waiting = async {
            loop {
                let packet = self.next().await?;
                if packet == Engine::Ping(String::new()) {
                    self.send(&Engine::Pong(String::new())).await?;
                }
                if let Some(found) = fits(packet) {
                    return Ok(found);
                }
            }
        };
        timeout(within, waiting)
            .await
            .map_err(|_| Error::Timeout(within))?
    }

    /// Ends the connection in order.
    pub async fn close(mut self) {
        // A peer that does not answer the close is not worth waiting for.
        let _ = timeout(Duration::from_secs(1), self.stream.close(None)).await;
    }
}

/// The request for a WebSocket.
fn request(to: &Polling, key: &str) -> Result<Request<Empty<Bytes>>, Error> {
    let sid = to
        .sid
        .as_ref()
        .map(|sid| format!("&sid={sid}"))
        .unwrap_or_default();
    let mut request = Request::get(format!("{}/?EIO=4&transport=websocket{sid}", to.path))
        .header(header::HOST, to.address.authority())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, key);
    if let Some(headers) = request.headers_mut() {
        headers.extend(to.headers.clone());
        to.cookies.send(headers);
    }
    request
        .body(Empty::new())
        .map_err(|error| Error::Protocol(error.to_string()))
}
