//! Clients that stop reading, and clients that never acknowledge: told apart, and neither loses
//! anything.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Client, Options, Server, eventually};

const PENDING: usize = 500;

async fn fill(server: &Server, channel: &str) {
    for batch in 0..PENDING / 100 {
        let messages: Vec<_> = (0..100)
            .map(|n| json!({ "channel": channel, "event": "e", "data": "x".repeat(500), "id": format!("m{batch}{n:02}") }))
            .collect();
        let answer = server
            .call(
                reqwest::Method::POST,
                "/v1/namespaces/dropcodes/batch",
                Some(json!(messages)),
            )
            .await;
        assert_eq!(answer.0, 200, "{}", answer.1);
    }
}

/// Stops a client that has messages to come; the server must cut it, and give it everything when it
/// is back.
async fn stop_and_return(server: &Server, transport: &'static str, cause_count: &str) {
    let (_, key) = server.key(transport).await;
    let options = Options::new(&key).transports(&[transport]);
    let mut client = Client::start(server, &options);
    client.wait_for("connected").await;
    client.signal("STOP");
    fill(server, transport).await;
    let stopped = Instant::now();
    while server.metric(cause_count).await < 1.0 {
        assert!(
            stopped.elapsed() < Duration::from_secs(60),
            "{transport}: not cut within 60 s"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!(
        "{transport}: cut after {:.1} s",
        stopped.elapsed().as_secs_f64()
    );
    client.signal("CONT");
    client.wait_for("disconnected").await;
    client.wait_for("connected").await;
    let mut missing: std::collections::HashSet<String> = (0..PENDING / 100)
        .flat_map(|b| (0..100).map(move |n| format!("m{b}{n:02}")))
        .collect();
    while !missing.is_empty() {
        missing.remove(&client.messages(1).await[0]);
    }
}

#[tokio::test]
async fn a_websocket_that_stops_reading_is_cut_and_gets_everything_when_it_is_back() {
    let server = Server::start(&[("LOG_LEVEL", "server=info")]).await;
    stop_and_return(
        &server,
        "websocket",
        "holdfast_disconnects_total{reason=\"silent\"}",
    )
    .await;
    assert_eq!(server.metric("holdfast_slow_readers_total").await, 0.0);
}

#[tokio::test]
async fn a_poller_that_stops_polling_is_cut_and_gets_everything_when_it_is_back() {
    let server = Server::start(&[("LOG_LEVEL", "server=info")]).await;
    stop_and_return(
        &server,
        "polling",
        "holdfast_disconnects_total{reason=\"silent\"}",
    )
    .await;
}

#[tokio::test]
async fn a_client_that_never_acknowledges_is_not_cut() {
    let server = Server::start(&[("LOG_LEVEL", "server=info")]).await;
    let mut clients = Vec::new();
    for transport in ["websocket", "polling"] {
        let (_, key) = server.key(transport).await;
        server
            .publish(
                transport,
                json!({ "event": "e", "data": 1, "id": transport }),
            )
            .await;
        let options = Options {
            acknowledge: false,
            ..Options::new(&key).transports(&[transport])
        };
        clients.push(Client::start(&server, &options));
    }
    let start = Instant::now();
    for client in &mut clients {
        assert_eq!(
            client.wait_for("message").await["message"]["redelivered"],
            false
        );
    }
    // Emitted at once, and again after 15 s and 45 s: a client that did not read would be cut by
    // then.
    for wait in [20, 40] {
        for client in &mut clients {
            let again =
                tokio::time::timeout(Duration::from_secs(wait), client.wait_long_for("message"))
                    .await;
            assert_eq!(
                again.expect("it is repeated")["message"]["redelivered"],
                true
            );
        }
    }
    assert!(start.elapsed() > Duration::from_secs(44));
    eventually("its second repeat is counted", async || {
        (server.metric("holdfast_redeliveries_total").await >= 4.0).then_some(())
    })
    .await;
    assert_eq!(server.metric("holdfast_slow_readers_total").await, 0.0);
    assert!(server.log().iter().all(|entry| entry["message"] != "left"));
}
