//! Clients that do what they should not: each gets a clear end or none at all, and no message is
//! lost by it.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client_matrix::Way;
use crate::harness::{Client, Options, Server, eventually};
use crate::raw::{Polling, WebSocket};

/// Waits until every session has ended.
async fn nothing_is_left(server: &Server) {
    eventually("every session is closed", async || {
        (server.metric("holdfast_sessions").await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let polling = Polling::join(&server, &key).await;
    let fits = format!("42/dropcodes,[\"{}\"]", "x".repeat(1007));
    assert_eq!(fits.len(), 1024);
    assert_eq!(polling.post(fits.clone()).await.status(), 200);
    let refused = polling.post(format!("{fits} ")).await;
    assert_eq!(refused.status(), 413);
    let problem: Value = refused.json().await.unwrap();
    assert!(
        problem["detail"].as_str().unwrap().contains("1024"),
        "{problem}"
    );
    // Ten megabytes are refused by their announced length, before they are sent.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /websockets/?EIO=4&transport=polling&sid={} HTTP/1.1\r\nhost: x\r\ncontent-length: \
         10000000\r\n\r\n",
        polling.sid
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    // The session has not suffered.
    let published = server
        .publish("c", json!({ "event": "e", "data": 1 }))
        .await;
    assert!(
        polling
            .poll()
            .await
            .contains(published["id"].as_str().unwrap())
    );

    let mut socket = WebSocket::join(&server, &key).await;
    socket.next().await.unwrap();
    socket.send(&fits).await;
    let after = server
        .publish("c", json!({ "event": "e", "data": 2 }))
        .await;
    let got = socket.next().await.unwrap();
    assert!(got.contains(after["id"].as_str().unwrap()), "{got}");
    socket.send(&format!("{fits} ")).await;
    socket.ended().await;
    server
        .becomes("c", after["id"].as_str().unwrap(), "delivered")
        .await;
}

#[tokio::test]
async fn malformed_packets_end_the_session() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let packets = [
        "4",
        "49",
        "4x",
        "43/dropcodes,[]",
        "43/dropcodes,1",
        "44/dropcodes,{}",
        "451-/dropcodes,[\"e\",{\"_placeholder\":true,\"num\":0}]",
        "42{}",
        "42/dropcodes,{}",
        "42/dropcodes,[]",
        "42/dropcodes,[null]",
        "42abc[\"e\"]",
        "43/dropcodes,1{}",
        "45",
        "461-/dropcodes,1[{\"_placeholder\":true,\"num\":0}]",
        "7",
        "z",
        "",
        "43/dropcodes,99999999999999999999999[\"x\"]",
    ];
    join_all(packets.iter().map(async |packet| {
        let mut socket = WebSocket::join(&server, &key).await;
        socket.send(packet).await;
        socket.ended().await;
    }))
    .await;
    let mut socket = WebSocket::join(&server, &key).await;
    socket.send_binary(b"\x00\xff").await;
    socket.ended().await;
    nothing_is_left(&server).await;

    // Over polling, whatever comes of a body, the server and its other sessions are none the worse.
    let witness = Polling::join(&server, &key).await;
    for body in packets.iter().chain(&["bAAEC", "\x1e\x1e\x1e"]) {
        let session = Polling::join(&server, &key).await;
        let status = session.post(*body).await.status().as_u16();
        assert!(status < 500, "{body:?}: {status}");
    }
    // Protocol 4 puts lengths in front.
    for body in ["9:4", "x:40", "-1:4", "99999999999999999999:4", "1:44:42"] {
        let session = Polling::open(&server, 3, Some(&key)).await;
        let status = session.post(body).await.status().as_u16();
        assert!(status < 500, "{body:?}: {status}");
    }
    server
        .publish("c", json!({ "event": "e", "data": 1, "id": "m" }))
        .await;
    assert!(witness.poll().await.contains("\"id\":\"m\""));
}

#[tokio::test]
async fn acknowledgements_of_nothing_are_counted_and_settle_nothing() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let mut ids = Vec::new();
    for n in 0..2 {
        let message = server
            .publish("c", json!({ "event": "e", "data": n }))
            .await;
        ids.push(message["id"].as_str().unwrap().to_owned());
    }
    let mut socket = WebSocket::join(&server, &key).await;
    for (number, id) in (1..).zip(&ids) {
        let event = socket.next().await.unwrap();
        assert!(
            event.starts_with(&format!("42/dropcodes,{number}[")),
            "{event}"
        );
        assert!(event.contains(id.as_str()), "{event}");
    }
    let (first, second) = (&ids[0], &ids[1]);
    let strays = [
        format!(r#"43/dropcodes,1["{second}"]"#),
        format!(r#"43/dropcodes,2["{first}"]"#),
        format!(r#"43/dropcodes,3["{first}"]"#),
        format!(r#"43/dropcodes,0["{first}"]"#),
        format!(r#"43/donations,1["{first}"]"#),
        r#"43/dropcodes,1[""]"#.into(),
        r#"43/dropcodes,1[null]"#.into(),
        r#"43/dropcodes,1[true]"#.into(),
        format!(r#"43/dropcodes,1[["{first}"]]"#),
        format!(r#"43/dropcodes,1[{{"id":"{first}"}}]"#),
    ];
    for stray in &strays {
        socket.send(stray).await;
    }
    let count = strays.len() as f64;
    eventually("every stray acknowledgement is counted", async || {
        (server.metric("holdfast_stray_acknowledgements_total").await == count).then_some(())
    })
    .await;
    for id in &ids {
        server.becomes("c", id, "delivered").await;
    }
    // The right ones still count.
    for (number, id) in (1..).zip(&ids) {
        socket
            .send(&format!(r#"43/dropcodes,{number}["{id}"]"#))
            .await;
    }
    for id in &ids {
        server.becomes("c", id, "acknowledged").await;
    }
}

#[tokio::test]
async fn a_callback_that_outlives_a_reconnect_settles_nothing() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let options = Options::new(&key).transports(&["websocket"]);
    let mut client = Client::start(&server, &options.unacknowledging());
    client.wait_for("connected").await;
    for id in ["a", "b", "c"] {
        server
            .publish("c", json!({ "event": "e", "data": null, "id": id }))
            .await;
    }
    assert_eq!(client.messages(3).await, ["a", "b", "c"]);
    client
        .tell(json!({ "do": "ack", "index": 0, "arguments": ["a"] }))
        .await;
    server.becomes("c", "a", "acknowledged").await;
    client.tell(json!({ "do": "drop" })).await;
    client.wait_for("connected").await;
    for id in ["b", "c"] {
        let again = client.wait_for("message").await;
        assert_eq!(again["message"]["id"], id);
        assert_eq!(again["message"]["redelivered"], true);
    }
    // The old callback of b carries the number that c has on the new session.
    client
        .tell(json!({ "do": "ack", "index": 1, "arguments": ["b"] }))
        .await;
    eventually("the stray is counted", async || {
        (server.metric("holdfast_stray_acknowledgements_total").await == 1.0).then_some(())
    })
    .await;
    for id in ["b", "c"] {
        server.becomes("c", id, "delivered").await;
    }
    client
        .tell(json!({ "do": "ack", "index": 3, "arguments": ["b"] }))
        .await;
    server.becomes("c", "b", "acknowledged").await;
    server.becomes("c", "c", "delivered").await;
}

#[tokio::test]
async fn who_never_acknowledges_is_shown_it_again() {
    let server = Server::start(&[]).await;
    join_all(Way::transports().iter().map(async |way| {
        let channel = way.name();
        let (_, key) = server.key(&channel).await;
        let body = json!({ "event": "e", "data": { "code": "X" } });
        let published = server.publish(&channel, body).await;
        let options = way.options(&key).unacknowledging();
        let mut client = Client::start(&server, &options);
        let first = client.wait_for("message").await;
        let again = client.wait_for("message").await;
        for (event, redelivered) in [(&first, false), (&again, true)] {
            assert_eq!(event["message"]["id"], published["id"], "{channel}");
            assert_eq!(event["message"]["redelivered"], redelivered, "{channel}");
        }
        let (first, again) = (first["at"].as_u64().unwrap(), again["at"].as_u64().unwrap());
        assert!(
            again - first > 14_000,
            "{channel}: after {} ms",
            again - first
        );
    }))
    .await;
    let redeliveries = server.metric("holdfast_redeliveries_total").await;
    assert_eq!(redeliveries, Way::transports().len() as f64);
    assert_eq!(server.metric("holdfast_slow_readers_total").await, 0.0);
}

#[tokio::test]
async fn a_flood_of_events_ends_the_session() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key).transports(&["websocket"]));
    client.wait_for("connected").await;
    for _ in 0..100 {
        client
            .tell(json!({ "do": "emit", "arguments": ["hello"] }))
            .await;
    }
    let event = client.wait_for("disconnected").await;
    assert_eq!(event["reason"], "transport close");
    let metric = r#"holdfast_refusals_total{reason="noisy_client"}"#;
    assert!(server.metric(metric).await >= 1.0);
    // It was no definite refusal: the client comes back, and gets what is meant for it.
    client.wait_for("connected").await;
    server
        .publish("c", json!({ "event": "e", "data": null, "id": "m" }))
        .await;
    assert_eq!(client.messages(1).await, ["m"]);
}

#[tokio::test]
async fn a_body_that_breaks_off_harms_nobody() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let polling = Polling::join(&server, &key).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /websockets/?EIO=4&transport=polling&sid={} HTTP/1.1\r\nhost: x\r\ncontent-length: \
         100\r\n\r\n42/drop",
        polling.sid
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    let published = server
        .publish("c", json!({ "event": "e", "data": 1 }))
        .await;
    let id = published["id"].as_str().unwrap();
    assert!(polling.poll().await.contains(id));
    polling.post(format!(r#"43/dropcodes,1["{id}"]"#)).await;
    server.becomes("c", id, "acknowledged").await;
}
