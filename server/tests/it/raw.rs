//! Engine.IO by hand: clients that do what no library would.

use futures_util::{FutureExt, SinkExt, StreamExt};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::harness::{PATIENCE, Server};

/// The server's heartbeat in protocol 5.
const PING: &str = "2";

/// A request for a new session. `engine` is the Engine.IO protocol: 4 for Socket.IO 5, 3 for 4.
pub(crate) fn handshake(
    server: &Server,
    engine: u8,
    transport: &str,
    key: Option<&str>,
) -> RequestBuilder {
    let url = format!(
        "http://{}/websockets/?EIO={engine}&transport={transport}",
        server.address
    );
    let request = reqwest::Client::new().get(url);
    match key {
        Some(key) => request.header("authorization", format!("ApiKey {key}")),
        None => request,
    }
}

/// A session over polling.
pub(crate) struct Polling {
    pub(crate) sid: String,
    /// What the server has announced.
    pub(crate) handshake: Value,
    url: String,
    http: reqwest::Client,
}

impl Polling {
    /// Opens a session; it has joined nothing.
    pub(crate) async fn open(server: &Server, engine: u8, key: Option<&str>) -> Self {
        let answer = handshake(server, engine, "polling", key)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let open = answer.text().await.unwrap();
        let handshake: Value = serde_json::from_str(&open[open.find('{').unwrap()..]).unwrap();
        let sid = handshake["sid"].as_str().unwrap().to_owned();
        let url = format!(
            "http://{}/websockets/?EIO={engine}&transport=polling&sid={sid}",
            server.address
        );
        Self {
            sid,
            handshake,
            url,
            http: reqwest::Client::new(),
        }
    }

    /// Opens a session of protocol 5 that has joined `dropcodes`.
    pub(crate) async fn join(server: &Server, key: &str) -> Self {
        let session = Self::open(server, 4, None).await;
        let connect = format!(r#"40/dropcodes,{{"key":"{key}"}}"#);
        assert_eq!(session.post(connect).await.status(), 200);
        let joined = session.poll().await;
        assert!(joined.starts_with("40/dropcodes,"), "{joined}");
        session
    }

    /// Sends packets.
    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Response {
        self.http.post(&self.url).body(body).send().await.unwrap()
    }

    /// Polls once.
    pub(crate) async fn get(&self) -> Response {
        let answer = timeout(PATIENCE, self.http.get(&self.url).send()).await;
        answer.expect("the poll is answered").unwrap()
    }

    /// Waits for packets other than pings.
    pub(crate) async fn poll(&self) -> String {
        loop {
            let text = self.get().await.text().await.unwrap();
            let packets: Vec<&str> = text.split('\x1e').filter(|p| *p != PING).collect();
            if !packets.is_empty() {
                return packets.join("\x1e");
            }
        }
    }
}

/// A session over a WebSocket.
pub(crate) struct WebSocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What the server has announced.
    pub(crate) handshake: Value,
}

impl WebSocket {
    /// Opens a session; it has joined nothing.
    pub(crate) async fn open(server: &Server, engine: u8, key: Option<&str>) -> Self {
        let url = format!(
            "ws://{}/websockets/?EIO={engine}&transport=websocket",
            server.address
        );
        let mut request = url.into_client_request().unwrap();
        if let Some(key) = key {
            let header = format!("ApiKey {key}").parse().unwrap();
            request.headers_mut().insert("authorization", header);
        }
        let (stream, _) = connect_async(request).await.unwrap();
        let mut socket = Self {
            stream,
            handshake: Value::Null,
        };
        let open = socket.next().await.unwrap();
        let handshake = open.strip_prefix('0').unwrap_or_else(|| panic!("{open}"));
        socket.handshake = serde_json::from_str(handshake).unwrap();
        socket
    }

    /// Begins the upgrade of a polling session of protocol 5: the packet `5` is left to send.
    pub(crate) async fn upgrade(server: &Server, session: &Polling) -> Self {
        let url = format!(
            "ws://{}/websockets/?EIO=4&transport=websocket&sid={}",
            server.address, session.sid
        );
        let (stream, _) = connect_async(url).await.unwrap();
        let mut socket = Self {
            stream,
            handshake: Value::Null,
        };
        socket.send("2probe").await;
        assert_eq!(socket.next().await.unwrap(), "3probe");
        socket
    }

    /// Opens a session of protocol 5 that has joined `dropcodes`.
    pub(crate) async fn join(server: &Server, key: &str) -> Self {
        let mut socket = Self::open(server, 4, None).await;
        socket
            .send(&format!(r#"40/dropcodes,{{"key":"{key}"}}"#))
            .await;
        let joined = socket.next().await.unwrap();
        assert!(joined.starts_with("40/dropcodes,"), "{joined}");
        socket
    }

    /// Sends a text; the server may have closed already.
    pub(crate) async fn send(&mut self, text: &str) {
        let _ = self.stream.send(Message::text(text)).await;
    }

    /// Sends several texts in one packet.
    pub(crate) async fn send_at_once(&mut self, texts: &[&str]) {
        for text in texts {
            self.stream.feed(Message::text(*text)).await.unwrap();
        }
        self.stream.flush().await.unwrap();
    }

    /// Sends a binary message.
    pub(crate) async fn send_binary(&mut self, bytes: &'static [u8]) {
        self.stream.send(Message::binary(bytes)).await.unwrap();
    }

    /// The next text other than a ping; none when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            let message = timeout(PATIENCE, self.stream.next()).await;
            match message.expect("something comes in time")?.ok()? {
                Message::Text(text) if text.as_str() != PING => return Some(text.to_string()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Takes what has come; whether the connection has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        loop {
            match self.stream.next().now_or_never() {
                None => return false,
                Some(Some(Ok(message))) if !message.is_close() => {}
                Some(_) => return true,
            }
        }
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(&mut self) {
        while self.next().await.is_some() {}
    }
}
