//! HTTP long-polling: each request by itself.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

use super::dial::Trust;
use super::http::{Cookies, Reply, request_of};
use super::packet::{Engine, Handshake, SEPARATOR};
use super::{Address, Error};

/// A polling session, or the way to one.
#[derive(Debug, Clone)]
pub struct Polling {
    /// The server.
    pub address: Address,
    /// Whose certificates are trusted.
    pub trust: Trust,
    /// The Socket.IO path.
    pub path: String,
    /// Headers of every request: the key, for one.
    pub headers: HeaderMap,
    /// What the server has set.
    pub cookies: Cookies,
    /// The session, once open.
    pub sid: Option<String>,
}

impl Polling {
    /// Opens a session.
    ///
    /// # Errors
    /// When it is refused or does not come about within `within`.
    pub async fn open(&mut self, within: Duration) -> Result<(Handshake, Reply), Error> {
        let (packets, reply) = self.poll(within).await?;
        match packets.into_iter().next() {
            Some(Engine::Open(handshake)) => {
                self.sid = Some(handshake.sid.clone());
                Ok((handshake, reply))
            }
            other => Err(Error::Protocol(format!("the handshake is {other:?}"))),
        }
    }

    /// Waits for packets; `within` bounds the wait.
    ///
    /// # Errors
    /// When the server refuses, or none come in time.
    pub async fn poll(&mut self, within: Duration) -> Result<(Vec<Engine>, Reply), Error> {
        let reply = self.send(Method::GET, Bytes::new(), within).await?;
        let text = std::str::from_utf8(&reply.body)
            .map_err(|_| Error::Protocol("the body is no text".into()))?;
        let packets = text
            .split(SEPARATOR)
            .map(Engine::read)
            .collect::<Result<_, _>>()?;
        Ok((packets, reply))
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// When the server refuses it or does not answer in time.
    pub async fn post(&mut self, packet: &Engine, within: Duration) -> Result<Reply, Error> {
        self.send(Method::POST, Bytes::from(packet.write()), within)
            .await
    }

    async fn send(
        &mut self,
        method: Method,
        body: Bytes,
        within: Duration,
    ) -> Result<Reply, Error> {
        let mut headers = self.headers.clone();
        self.cookies.send(&mut headers);
        if method == Method::POST {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/plain;charset=UTF-8"),
            );
        }
        let sid = self
            .sid
            .as_ref()
            .map(|sid| format!("&sid={sid}"))
            .unwrap_or_default();
        let server = (&self.address, &self.trust);
        let path = format!("{}/?EIO=4&transport=polling{sid}", self.path);
        let reply = request_of(server, (method, &path), &headers, body, within).await?;
        self.cookies.take(&reply.headers, &self.address);
        if reply.status == 200 {
            Ok(reply)
        } else {
            Err(Error::Refused(Box::new(reply)))
        }
    }
}
