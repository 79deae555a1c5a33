//! The end of a process: sessions are closed so that clients come back, and nothing holds it longer
//! than `DRAIN`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client_matrix::Way;
use crate::harness::{BACKEND_KEY, Client, Options, Server, eventually};
use crate::raw::{self, Polling};

/// For what the machine may be late with.
const SLACK: Duration = Duration::from_secs(1);

#[tokio::test]
async fn every_client_comes_back_to_the_next_process() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("file:{}", directory.path().display());
    let origin = "https://plugins.example";
    let mut server = Server::start(&[
        ("STORE", &store),
        ("DRAIN", "4s"),
        ("NODE_ID", "first"),
        ("CORS_ORIGINS", origin),
    ])
    .await;
    let ways = Way::transports();
    let mut clients = join_all(ways.iter().map(async |way| {
        let (_, key) = server.key(&way.name()).await;
        let options = way.options(&key).unacknowledging();
        let mut client = Client::start(&server, &options);
        client.wait_for("connected").await;
        let body = json!({ "event": "e", "data": null, "id": "m" });
        server.publish(&way.name(), body).await;
        assert_eq!(client.messages(1).await, ["m"]);
        client
    }))
    .await;

    let start = Instant::now();
    server.signal("TERM");
    let health = eventually("the health check fails", async || {
        let url = format!("http://{}/healthcheck", server.address);
        let answer = reqwest::get(url).await.unwrap();
        (answer.status() == 503).then_some(answer)
    })
    .await;
    assert_eq!(health.headers()["x-node-id"], "first");
    let handshake = raw::handshake(&server, 4, "polling", None).header("origin", origin);
    let refused = handshake.send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.headers()["x-node-id"], "first");
    assert_eq!(refused.headers()["access-control-allow-origin"], origin);
    assert!(server.ended().await.success());
    assert!(
        start.elapsed() < Duration::from_secs(4) + SLACK,
        "{:?}",
        start.elapsed()
    );

    let address = server.address.to_string();
    let next = Server::start(&[("STORE", &store), ("BIND", &address), ("NODE_ID", "second")]).await;
    join_all(ways.iter().zip(&mut clients).map(async |(way, client)| {
        let gone = client.wait_for("disconnected").await;
        let reason = gone["reason"].as_str().unwrap();
        // Not `io server disconnect`, after which no client would come back.
        assert!(
            ["transport close", "transport error"].contains(&reason),
            "{}: {reason}",
            way.name()
        );
        client.wait_for("connected").await;
        let again = client.wait_for("message").await;
        assert_eq!(again["message"]["id"], "m", "{}", way.name());
        assert_eq!(again["message"]["redelivered"], true, "{}", way.name());
        if way.library == "python" {
            // It acknowledges by returning, at once or not at all.
            return;
        }
        client
            .tell(json!({ "do": "ack", "index": 1, "arguments": ["m"] }))
            .await;
        next.becomes(&way.name(), "m", "acknowledged").await;
    }))
    .await;
}

#[tokio::test]
async fn a_client_that_asks_for_it_is_told_before_its_session_ends() {
    let mut server = Server::start(&[("DRAIN", "4s")]).await;
    let (_, key) = server.key("c").await;
    let start = async |transport, namespace| {
        let options = Options::new(&key).transports(&[transport]);
        let mut client = Client::start(&server, &options.namespace(namespace));
        client.wait_for("connected").await;
        client
    };
    let mut plain = start("websocket", "/dropcodes").await;
    let mut told = vec![];
    for transport in ["polling", "websocket"] {
        told.push(start(transport, "/dropcodes?moved=1").await);
    }
    server.signal("TERM");
    for client in &mut told {
        let moved = client.wait_for("message").await;
        let (event, nothing) = (&moved["event"], moved.get("data"));
        assert_eq!((event, nothing), (&json!("moved"), None));
        let gone = client.wait_for("disconnected").await;
        assert_ne!(gone["reason"], "io server disconnect");
    }
    assert!(server.ended().await.success());
    loop {
        let event = plain.next().await;
        assert_ne!(event["type"], "message", "a client that has not asked");
        if event["type"] == "disconnected" {
            break;
        }
    }
}

#[tokio::test]
async fn a_stopped_client_does_not_hold_the_process() {
    let mut server = Server::start(&[("DRAIN", "3s")]).await;
    let (_, key) = server.key("c").await;
    let clients = join_all(["polling", "websocket"].map(async |transport| {
        let mut client = Client::start(&server, &Options::new(&key).transports(&[transport]));
        client.wait_for("connected").await;
        client.signal("STOP");
        client
    }))
    .await;
    for n in 0..8 {
        let body = json!({ "event": "e", "data": "x".repeat(16_000), "id": format!("{n}") });
        server.publish("c", body).await;
    }
    // A request that never ends.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = b"POST /v1/keys HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head).await.unwrap();
    let start = Instant::now();
    server.signal("TERM");
    // 1 says that the request was still open at the end.
    let code = server.ended().await.code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    assert!(
        start.elapsed() < Duration::from_secs(3) + SLACK,
        "{:?}",
        start.elapsed()
    );
    clients.iter().for_each(|client| client.signal("CONT"));
}

#[tokio::test]
async fn a_drain_that_is_not_complete_fails_the_process() {
    let mut server = Server::start(&[("DRAIN", "2s")]).await;
    // A request that waits for the rest of its body, and so for its answer.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: ApiKey {BACKEND_KEY}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The go-ahead says that the body is being read.
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(1));
    eventually("the reason is logged", async || {
        let incomplete = |line: &Value| line["message"] == "the drain was not complete";
        server.log().iter().any(incomplete).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    for name in ["TERM", "INT"] {
        let mut server = Server::start(&[("DRAIN", "60s"), ("JOIN_TIMEOUT", "2m")]).await;
        // The closes are spread over the drain: several sessions keep it going.
        let mut sessions = Vec::new();
        for _ in 0..4 {
            sessions.push(Polling::open(&server, 4, None).await);
        }
        server.signal(name);
        eventually("it drains", async || {
            let draining = |line: &Value| line["message"] == "draining";
            server.log().iter().any(draining).then_some(())
        })
        .await;
        let start = Instant::now();
        server.signal(name);
        assert_eq!(server.ended().await.code(), Some(130));
        assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_task_that_learns_early_moves_its_clients_before_the_signal() {
    // What ECS answers a task, as far as it is asked; whether and when it changes is ECS's to
    // decide.
    let desired = Arc::new(Mutex::new("RUNNING"));
    let answer = desired.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metadata = format!("http://{}/v4/task-id", listener.local_addr().unwrap());
    let router = axum::Router::new().route(
        "/v4/task-id/task",
        axum::routing::get(async move || {
            axum::Json(
                json!({ "DesiredStatus": *answer.lock().unwrap(), "KnownStatus": "RUNNING" }),
            )
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let settings = [
        ("ECS_CONTAINER_METADATA_URI_V4", metadata.as_str()),
        ("DRAIN", "4s"),
    ];
    let mut server = Server::start(&settings).await;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    *desired.lock().unwrap() = "STOPPED";
    let gone = client.wait_for("disconnected").await;
    assert!(
        ["transport close", "transport error"].contains(&gone["reason"].as_str().unwrap()),
        "{gone}"
    );
    assert_eq!(
        client.wait_for("connect_error").await["description"],
        503,
        "it goes to another node"
    );
    // The process goes on, and takes messages, until it is told.
    server
        .publish("c", json!({ "event": "e", "data": null }))
        .await;
    server.signal("TERM");
    assert!(server.ended().await.success());
}
