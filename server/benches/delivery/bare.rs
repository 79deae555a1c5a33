//! socketioxide as it comes, each socket in the room of its channel. It keeps no message and no
//! receipt.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{Data, SocketRef};
use tokio::io::AsyncReadExt as _;

use crate::client::DATA;

#[derive(Deserialize)]
struct Auth {
    key: String,
}

#[derive(Deserialize)]
struct Emit {
    channel: Option<String>,
    acknowledged: Option<u8>,
}

/// Serves until stdin ends.
pub(crate) async fn serve() {
    let (layer, io) = SocketIo::builder()
        .req_path("/websockets")
        .ping_interval(Duration::from_secs(60))
        .ping_timeout(Duration::from_secs(240))
        .build_layer();
    for namespace in ["/dropcodes", "/donations"] {
        let join = async |socket: SocketRef, Data(auth): Data<Auth>| socket.join(auth.key);
        io.ns(namespace, join);
    }
    let router = Router::new().route("/emit", post(emit));
    let router = router.layer(layer).with_state(io);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    tokio::spawn(axum::serve(listener, router).into_future());
    let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
}

/// Emits to a channel, or to everyone; each socket may be asked for an answer.
async fn emit(
    State(io): State<SocketIo>,
    Query(emit): Query<Emit>,
    Json(_): Json<Value>,
) -> StatusCode {
    let message = json!({
        "id": "m", "deliver_at": "2026-01-01T00:00:00.000Z", "expires_in": 3_600_000,
    });
    let event = ("x".repeat(DATA), message);
    let acknowledged = emit.acknowledged.is_some();
    let namespace = if acknowledged {
        "/dropcodes"
    } else {
        "/donations"
    };
    let to = io.of(namespace).unwrap();
    let to = match emit.channel {
        Some(channel) => to.to(channel),
        None => to.broadcast(),
    };
    if acknowledged {
        let to = to.timeout(Duration::from_secs(15));
        let answers = to.emit_with_ack::<_, Value>("e", &event).await.unwrap();
        tokio::spawn(answers.for_each(async |_| {}));
    } else {
        to.emit("e", &event).await.unwrap();
    }
    StatusCode::ACCEPTED
}
