//! The WebSocket transport: a session of its own, or the upgrade of a polling one.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Request, header};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::Error;
use super::dial::{Io, dial};
use super::http::{Reply, chain};
use super::packet::Engine;
use super::polling::Polling;

/// A WebSocket that carries Engine.IO packets.
pub struct WebSocket {
    stream: WebSocketStream<Io>,
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
        let sid = to
            .sid
            .as_ref()
            .map(|sid| format!("&sid={sid}"))
            .unwrap_or_default();
        let mut request = Request::get(format!(
            "{}://{}{}/?EIO=4&transport=websocket{sid}",
            if to.address.secure { "wss" } else { "ws" },
            to.address.authority(),
            to.path
        ))
        .header(header::HOST, to.address.authority())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key());
        if let Some(headers) = request.headers_mut() {
            headers.extend(to.headers.clone());
            to.cookies.send(headers);
        }
        let request = request
            .body(())
            .map_err(|error| Error::Protocol(error.to_string()))?;
        match client_async(request, dial(&to.address).await?).await {
            Ok((stream, answer)) => Ok(Self {
                stream,
                headers: answer.headers().clone(),
            }),
            Err(WsError::Http(answer)) => {
                let (parts, body) = answer.into_parts();
                let body = Bytes::from(body.unwrap_or_default());
                let (status, headers) = (parts.status.as_u16(), parts.headers);
                Err(Error::Refused(Box::new(Reply {
                    status,
                    headers,
                    body,
                    took: began.elapsed(),
                })))
            }
            Err(error) => Err(Error::Broken(chain(&error))),
        }
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
