//! What waits for a plugin arrives through the upgrade from polling to a WebSocket, once and in
//! order, two hundred times in a row with each generation of the official client.

use std::process::Stdio;

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::{PATIENCE, Server};

const ROUNDS: usize = 200;
const MESSAGES: [&str; 3] = ["first", "second", "third"];

#[tokio::test]
async fn nothing_is_lost_or_repeated_in_two_hundred_upgrades() {
    let none = ("HANDSHAKES_PER_ADDRESS", "none");
    let server = Server::start(&[none]).await;
    join_all(["v4", "v3", "v2"].map(|library| upgrades(&server, library))).await;
    // The repair of what an upgrade loses would come after 15 s.
    let redeliveries = server.metric("holdfast_redeliveries_total").await;
    assert_eq!(redeliveries, 0.0);
}

async fn upgrades(server: &Server, library: &str) {
    let mut keys = Vec::new();
    for round in 0..ROUNDS {
        let channel = format!("{library}-{round}");
        keys.push(server.key(&channel).await.1);
        for id in MESSAGES {
            let body = json!({ "event": "e", "data": "x".repeat(500), "id": id });
            server.publish(&channel, body).await;
        }
    }
    let config = json!({
        "library": library,
        "url": format!("http://{}/dropcodes", server.address),
        "path": "/websockets",
        "messages": MESSAGES.len(),
        "keys": keys,
    });
    let mut plugins = Command::new("node")
        .arg("tests/clients/upgrades.cjs")
        .arg(config.to_string())
        .env(
            "NODE_PATH",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/node_modules"),
        )
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(plugins.stdout.take().unwrap()).lines();
    for round in 0..ROUNDS {
        let line = timeout(PATIENCE, lines.next_line()).await;
        let got = line.unwrap_or_else(|_| panic!("{library}: the plugin of round {round} waits"));
        let expected = json!(MESSAGES).to_string();
        assert_eq!(got.unwrap(), Some(expected), "{library}, round {round}");
    }
}
