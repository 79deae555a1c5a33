//! A Socket.IO client that costs little: protocol 5, one namespace, each message acknowledged that
//! asks for it.

use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Bytes of a message's data.
pub(crate) const DATA: usize = 200;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A client on a WebSocket.
pub(crate) struct Client {
    messages: mpsc::Receiver<Instant>,
    task: tokio::task::JoinHandle<()>,
}

impl Client {
    /// Connects and joins; none if the server refuses it.
    pub(crate) async fn try_connect(address: &str, namespace: &str, key: &str) -> Option<Self> {
        let url = format!("ws://{address}/websockets/?EIO=4&transport=websocket");
        // As our server's plugins may: a session that shows its key is not one of strangers.
        let mut request = url.into_client_request().unwrap();
        let header = format!("ApiKey {key}").parse().unwrap();
        request.headers_mut().insert("authorization", header);
        let config = WebSocketConfig::default()
            .read_buffer_size(1024)
            .write_buffer_size(0);
        let connected = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
        let (mut stream, _) = connected.await.ok()?;
        let join = format!("40/{namespace},{}", json!({ "key": key }));
        stream.send(Message::text(join)).await.ok()?;
        while let Some(Ok(packet)) = stream.next().await {
            let text = packet.into_text().ok()?;
            assert!(!text.starts_with("44"), "{text}");
            if text.starts_with("40") {
                let (sender, messages) = mpsc::channel(256);
                let task = tokio::spawn(run(stream, sender));
                return Some(Self { messages, task });
            }
        }
        None
    }

    pub(crate) async fn connect(address: &str, namespace: &str, key: &str) -> Self {
        let client = Self::try_connect(address, namespace, key).await;
        client.expect("the server takes the client")
    }

    /// When the next message came.
    pub(crate) async fn message(&mut self) -> Instant {
        let message = self.messages.recv().await;
        message.expect("the connection lasts")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(mut stream: Stream, sender: mpsc::Sender<Instant>) {
    while let Some(Ok(packet)) = stream.next().await {
        let at = Instant::now();
        let Ok(text) = packet.into_text() else {
            continue;
        };
        let reply = match text.strip_prefix("42/") {
            Some(event) => acknowledgement(event),
            None => (text == "2").then(|| "3".to_owned()),
        };
        if let Some(reply) = reply
            && stream.send(Message::text(reply)).await.is_err()
        {
            return;
        }
        if text.starts_with("42/") {
            let _ = sender.send(at).await;
        }
    }
}

/// The answer to an event, if it asks for one.
fn acknowledgement(event: &str) -> Option<String> {
    let (front, arguments) = event.split_at(event.find('[')?);
    let (namespace, number) = front.split_once(',')?;
    let (_, id) = arguments.split_once("\"id\":\"")?;
    let (id, _) = id.split_once('"')?;
    (!number.is_empty()).then(|| format!("43/{namespace},{number}[\"{id}\"]"))
}

/// A session over polling that has joined and whose poll waits; both its connections stay open.
pub(crate) struct Poller {
    _poll: TcpStream,
}

impl Poller {
    pub(crate) async fn connect(address: &str, key: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let opened = exchange(&mut stream, "GET", "", "").await;
        let (_, sid) = opened.split_once("\"sid\":\"").unwrap();
        let (sid, _) = sid.split_once('"').unwrap();
        let query = format!("&sid={sid}");
        let join = format!("40/dropcodes,{}", json!({ "key": key }));
        exchange(&mut stream, "POST", &query, &join).await;
        while !exchange(&mut stream, "GET", &query, "")
            .await
            .contains("40/dropcodes")
        {}
        send(&mut stream, "GET", &query, "").await;
        Self { _poll: stream }
    }
}

async fn send(stream: &mut TcpStream, method: &str, query: &str, body: &str) {
    let request = format!(
        "{method} /websockets/?EIO=4&transport=polling{query} HTTP/1.1\r\nhost: localhost\r\n\
         content-type: text/plain;charset=UTF-8\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
}

async fn exchange(stream: &mut TcpStream, method: &str, query: &str, body: &str) -> String {
    send(stream, method, query, body).await;
    let mut answer = String::new();
    let mut buffer = [0; 2048];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the connection lasts: {answer}");
        answer.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = answer.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse::<usize>().unwrap())
        });
        let is_whole = match length {
            Some(length) => body.len() >= length,
            // In chunks, of which the last is empty.
            None => body.ends_with("0\r\n\r\n"),
        };
        if is_whole {
            return body.to_owned();
        }
    }
}
