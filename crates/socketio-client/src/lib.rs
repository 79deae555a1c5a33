#![doc = include_str!("../README.md")]

mod address;
mod dial;
mod http;
mod packet;
mod polling;
mod session;
mod websocket;

use std::time::Duration;

pub use self::address::{Address, NotAnAddress};
pub use self::dial::Trust;
pub use self::http::{Cookies, Reply, request};
pub use self::packet::{Engine, Handshake, Packet};
pub use self::polling::Polling;
pub use self::session::{Incoming, Session, Settings};
pub use self::websocket::WebSocket;

/// Why a step did not come off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No TCP connection.
    #[error("cannot connect to {address}: {cause}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// No TLS on the connection.
    #[error("TLS with {address} failed: {cause}")]
    Tls {
        /// Host and port.
        address: String,
        /// What the library said.
        cause: std::io::Error,
    },
    /// The exchange broke off.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// An answer with another status than the step needs.
    #[error("{}", refusal(.0))]
    Refused(Box<Reply>),
    /// The server refused the namespace: `connect_error`.
    #[error("the server refused the namespace: {0}")]
    ConnectError(String),
    /// The peer closed the session in order.
    #[error("the server closed the connection{0}")]
    Closed(String),
    /// What came is not Engine.IO.
    #[error("not Engine.IO: {0}")]
    Protocol(String),
}

fn refusal(reply: &Reply) -> String {
    let server = reply.header("server");
    let by = if server.is_empty() {
        String::new()
    } else {
        format!(" from {server}")
    };
    let said = said(&reply.text());
    let said = if said.is_empty() {
        said
    } else {
        format!(": {said}")
    };
    format!("HTTP {}{by}{said}", reply.status)
}

/// What an error's body says to a person: a problem's detail, Engine.IO's message, or a short text.
/// Pages are left out.
fn said(body: &str) -> String {
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(body)
        && let Some(text) = ["detail", "message", "title"]
            .iter()
            .find_map(|name| json.get(name)?.as_str())
    {
        return text.to_owned();
    }
    if body.len() > 200 || body.contains('<') {
        String::new()
    } else {
        body.trim().to_owned()
    }
}
