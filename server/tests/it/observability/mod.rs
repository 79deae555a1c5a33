//! What operators see the server by: a real Prometheus with the alerts and the dashboard, and the
//! lines from which CloudWatch makes metrics, and what a collector receives.

mod cloudwatch;
mod otlp;
mod prometheus;

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use crate::harness::{Client, Options, Server};

/// What the repository ships for operators.
fn shipped(path: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../observability").join(path)
}

/// A little of everything: a message that is delivered and acknowledged, a client that is sent away,
/// and one that is refused. The key is one of channel `c`.
async fn traffic(server: &Server, key: &str) -> Client {
    let mut client = Client::start(server, &Options::new(key));
    client.wait_for("connected").await;
    let message = json!({ "event": "dropcode", "data": 1, "deliver_in": 100 });
    let message = server.publish("c", message).await;
    client.wait_for("message").await;
    let id = message["id"].as_str().unwrap();
    server.becomes("c", id, "acknowledged").await;
    let (id, key) = server.key("other").await;
    let mut other = Client::start(server, &Options::new(&key));
    other.wait_for("connected").await;
    server.revoke(&id).await;
    other.wait_for("disconnected").await;
    let url = format!(
        "http://{}/websockets/?EIO=4&transport=polling",
        server.address
    );
    let wrong = reqwest::Client::new().get(url);
    let wrong = wrong.header("authorization", "ApiKey hfk_wrong");
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    client
}

/// Runs a program to its end and returns what it said; panics unless it went well.
async fn run(program: &mut Command) -> String {
    let output = program.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = output.await.expect("`make tools` installs it");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
    said
}
