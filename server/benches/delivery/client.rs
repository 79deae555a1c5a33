//! A Socket.IO client that costs little: a WebSocket, protocol 5, one namespace.

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::now_ms;
use crate::process::Process;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Acknowledges each message, and tells of it.
pub(crate) struct Client {
    messages: mpsc::Receiver<(f64, Value)>,
    task: tokio::task::JoinHandle<()>,
}

impl Client {
    pub(crate) async fn connect(server: &Process, key: Option<String>) -> Self {
        let url = format!(
            "ws://{}/websockets/?EIO=4&transport=websocket",
            server.address()
        );
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0);
        let (stream, _) = tokio_tungstenite::connect_async_with_config(url, Some(config), true)
            .await
            .unwrap();
        let (mut sink, mut stream) = stream.split();
        sink.send(Message::text(format!(
            "40/dropcodes,{}",
            json!({ "key": key })
        )))
        .await
        .unwrap();
        while let Some(Ok(packet)) = stream.next().await {
            let text = packet.into_text().unwrap();
            assert!(!text.starts_with("44"), "{text}");
            if text.starts_with("40") {
                break;
            }
            answer(&mut sink, &text).await;
        }
        let (sender, messages) = mpsc::channel(256);
        let task = tokio::spawn(async move {
            while let Some(Ok(packet)) = stream.next().await {
                if let Ok(text) = packet.into_text()
                    && let Some(message) = answer(&mut sink, &text).await
                {
                    let _ = sender.send((now_ms(), message)).await;
                }
            }
        });
        Self { messages, task }
    }

    /// When the next message came, in ms since the epoch, and what was said of it.
    pub(crate) async fn message(&mut self) -> (f64, Value) {
        let message = self.messages.recv().await;
        message.unwrap_or_else(|| panic!("the connection ended"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(sink: &mut SplitSink<Stream, Message>, text: &str) -> Option<Value> {
    if text == "2" {
        sink.send(Message::text("3")).await.ok()?;
    }
    let (number, arguments) = text
        .strip_prefix("42/dropcodes,")
        .map(|rest| rest.split_at(rest.find('[').unwrap()))?;
    let message: Value = serde_json::from_str::<Vec<Value>>(arguments).ok()?.pop()?;
    sink.send(Message::text(format!(
        "43/dropcodes,{number}[{}]",
        message["id"]
    )))
    .await
    .ok()?;
    Some(message)
}
