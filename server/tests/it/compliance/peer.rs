//! One client of a protocol suite: requests, payloads and frames of Engine.IO 3 or 4.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::harness::PATIENCE;

/// A client of one protocol version, with a key in its header.
#[derive(Clone)]
pub(super) struct Peer {
    address: SocketAddr,
    pub(super) version: u8,
    pub(super) key: String,
    http: reqwest::Client,
}

impl Peer {
    pub(super) fn new(address: SocketAddr, version: u8, key: &str) -> Self {
        Self {
            address,
            version,
            key: key.to_owned(),
            http: reqwest::Client::new(),
        }
    }

    /// Sends a request with this query; returns status and body.
    pub(super) async fn request(&self, method: Method, query: &str, body: &str) -> (u16, String) {
        let url = format!("http://{}/websockets/?{query}", self.address);
        let request = self
            .http
            .request(method, url)
            .header("authorization", format!("ApiKey {}", self.key))
            .body(body.to_owned());
        let answer = timeout(PATIENCE, request.send()).await;
        let answer = answer.expect("an answer in time").unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The query of this version on a transport, with a session's id where there is one.
    pub(super) fn query(&self, transport: &str, sid: Option<&str>) -> String {
        let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
        format!("EIO={}&transport={transport}{sid}", self.version)
    }

    /// Opens a session over polling; returns what the server announces.
    pub(super) async fn open(&self) -> Value {
        let (status, body) = self
            .request(Method::GET, &self.query("polling", None), "")
            .await;
        assert_eq!(status, 200, "{body}");
        let first = self.decode(&body).remove(0);
        serde_json::from_str(first.strip_prefix('0').unwrap()).unwrap()
    }

    /// Opens a session over polling; returns its id.
    pub(super) async fn sid(&self) -> String {
        self.open().await["sid"].as_str().unwrap().to_owned()
    }

    /// Polls until something other than a ping or the join of the main namespace comes.
    pub(super) async fn poll(&self, sid: &str) -> (u16, Vec<String>) {
        loop {
            let query = self.query("polling", Some(sid));
            let (status, body) = self.request(Method::GET, &query, "").await;
            if status != 200 {
                return (status, vec![body]);
            }
            let mut packets = self.decode(&body);
            packets.retain(|packet| packet != "2" && packet != "40");
            if !packets.is_empty() {
                return (status, packets);
            }
        }
    }

    /// Posts one packet; returns the status.
    pub(super) async fn post(&self, sid: &str, packet: &str) -> u16 {
        let body = match self.version {
            3 => format!("{}:{packet}", packet.len()),
            _ => packet.to_owned(),
        };
        self.post_raw(sid, &body).await
    }

    /// Posts a body as it is; returns the status.
    pub(super) async fn post_raw(&self, sid: &str, body: &str) -> u16 {
        let query = self.query("polling", Some(sid));
        self.request(Method::POST, &query, body).await.0
    }

    /// The packets of a payload of ASCII texts.
    fn decode(&self, mut body: &str) -> Vec<String> {
        if self.version == 4 {
            return body.split('\x1e').map(str::to_owned).collect();
        }
        let mut packets = Vec::new();
        while let Some((length, rest)) = body.split_once(':') {
            let (packet, after) = rest.split_at(length.parse().unwrap());
            packets.push(packet.to_owned());
            body = after;
        }
        packets
    }

    /// Opens a WebSocket with this query, or returns none where the server refuses it.
    pub(super) async fn websocket(&self, query: &str) -> Option<Frames> {
        let url = format!("ws://{}/websockets/?{query}", self.address);
        let mut request = url.into_client_request().unwrap();
        let key = format!("ApiKey {}", self.key).parse().unwrap();
        request.headers_mut().insert("authorization", key);
        let opened = timeout(PATIENCE, connect_async(request)).await;
        opened
            .expect("an answer in time")
            .ok()
            .map(|(stream, _)| Frames(stream))
    }

    /// Opens a session over a WebSocket; returns it after what the server announces.
    pub(super) async fn session(&self) -> (Frames, Value) {
        let mut frames = self
            .websocket(&self.query("websocket", None))
            .await
            .unwrap();
        let open = frames.next().await.unwrap();
        (
            frames,
            serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap(),
        )
    }
}

/// The frames of a WebSocket.
pub(super) struct Frames(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Frames {
    pub(super) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next text other than a ping or the join of the main namespace; none at the end.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            let text = self.any().await?;
            if text != "2" && text != "40" {
                return Some(text);
            }
        }
    }

    /// The next text, pings too.
    pub(super) async fn any(&mut self) -> Option<String> {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await;
            match message.expect("something in time")?.ok()? {
                Message::Text(text) => return Some(text.to_string()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Waits for the end of the connection.
    pub(super) async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }
}
