//! A session by WebSocket, joined to one namespace: what a plugin has once it is connected.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::dial::Trust;
use super::packet::{Engine, Handshake, Packet};
use super::polling::Polling;
use super::websocket::WebSocket;
use super::{Address, Cookies, Error};

/// How long a server may take for each step of opening a session.
const STEP: Duration = Duration::from_secs(10);

/// Where to connect and as whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server.
    pub address: Address,
    /// The Socket.IO path, without a slash at its end.
    pub path: String,
    /// The namespace, with its slash.
    pub namespace: String,
    /// The plugin key; a server that is not Holdfast's may want none.
    pub key: Option<String>,
}

impl Settings {
    /// A polling session that is not open yet. The key travels as the handshake's header.
    #[must_use]
    pub fn polling(&self) -> Polling {
        let mut headers = HeaderMap::new();
        if let Some(Ok(mut value)) = self
            .key
            .as_ref()
            .map(|key| HeaderValue::from_str(&format!("ApiKey {key}")))
        {
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let (address, path) = (self.address.clone(), self.path.clone());
        Polling {
            address,
            trust: Trust::default(),
            path,
            headers,
            cookies: Cookies::default(),
            sid: None,
        }
    }

    /// The packet that joins the namespace. The key travels as `auth`, too.
    #[must_use]
    pub fn join(&self) -> Engine {
        let data = self
            .key
            .as_ref()
            .map_or(Value::Null, |key| json!({ "key": key }));
        Engine::Message(Packet::Connect {
            namespace: self.namespace.clone(),
            data,
        })
    }

    /// Whether this packet decides about joining; `Err` when it refuses.
    #[must_use]
    pub fn joined(&self, packet: &Engine) -> Option<Result<(), Error>> {
        match packet {
            Engine::Message(Packet::Connect { namespace, .. }) if *namespace == self.namespace => {
                Some(Ok(()))
            }
            Engine::Message(Packet::ConnectError { message, .. }) => {
                Some(Err(Error::ConnectError(message.clone())))
            }
            Engine::Close => Some(Err(Error::Closed(
                " before the namespace was joined".into(),
            ))),
            _ => None,
        }
    }
}

/// A joined session.
pub struct Session {
    socket: WebSocket,
    namespace: String,
    /// What the server said at the start.
    pub handshake: Handshake,
    /// The node that answered, where the server says so (`x-node-id`).
    pub node: String,
}

/// An event that has come in.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Its name.
    pub event: String,
    /// Its arguments.
    pub arguments: Vec<Value>,
    /// What to acknowledge it by, if the server wants that.
    pub ack: Option<u64>,
}

impl Session {
    /// Connects and joins.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        let mut socket = WebSocket::open(&settings.polling(), STEP).await?;
        let open = |packet| {
            if let Engine::Open(handshake) = packet {
                Some(handshake)
            } else {
                None
            }
        };
        let handshake = socket.wait(STEP, open).await?;
        socket.send(&settings.join()).await?;
        socket
            .wait(STEP, |packet| settings.joined(&packet))
            .await??;
        let node = socket
            .headers
            .get("x-node-id")
            .and_then(|id| id.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Ok(Self {
            socket,
            namespace: settings.namespace.clone(),
            handshake,
            node,
        })
    }

    /// The next event. Heartbeats are answered; a server that sends none for as long as it promised
    /// has gone.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn event(&mut self) -> Result<Incoming, Error> {
        let silence = self.handshake.ping_interval + self.handshake.ping_timeout;
        loop {
            let next = timeout(silence, self.socket.next()).await;
            match next.map_err(|_| Error::Closed(format!(": no heartbeat for {silence:?}")))?? {
                Engine::Ping(text) => self.socket.send(&Engine::Pong(text)).await?,
                Engine::Close => return Err(Error::Closed(String::new())),
                Engine::Message(Packet::Disconnect { namespace })
                    if namespace == self.namespace =>
                {
                    return Err(Error::ConnectError(
                        "it disconnected this client (was the key revoked?)".into(),
                    ));
                }
                Engine::Message(Packet::Event {
                    namespace,
                    id,
                    data,
                }) if namespace == self.namespace => {
                    let mut data = data.into_iter();
                    let event = data
                        .next()
                        .and_then(|name| name.as_str().map(str::to_owned))
                        .unwrap_or_default();
                    return Ok(Incoming {
                        event,
                        arguments: data.collect(),
                        ack: id,
                    });
                }
                _ => {}
            }
        }
    }

    /// Acknowledges an event with `data`.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn acknowledge(&mut self, id: u64, data: Vec<Value>) -> Result<(), Error> {
        let namespace = self.namespace.clone();
        self.socket
            .send(&Engine::Message(Packet::Ack {
                namespace,
                id,
                data,
            }))
            .await
    }

    /// Leaves in order.
    pub async fn close(self) {
        self.socket.close().await;
    }
}
