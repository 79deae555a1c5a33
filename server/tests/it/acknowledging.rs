//! Acknowledgements as plugins can send them: as an event, after a reconnect, after the expiry, or
//! not at all.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{Client, Options, Server};

const TRANSPORTS: [&str; 2] = ["polling", "websocket"];

#[tokio::test]
async fn an_event_acknowledges_on_the_same_socket_and_on_the_next() {
    let server = Server::start(&[]).await;
    join_all(["v4", "v3", "v2"].map(async |library| {
        let (_, key) = server.key(library).await;
        let options = Options::new(&key).library(library).unacknowledging();
        let options = match library {
            "v2" => options.by_header(),
            _ => options,
        };
        for id in ["here", "next"] {
            server
                .publish(library, json!({ "event": "e", "data": id, "id": id }))
                .await;
        }
        let mut client = Client::start(&server, &options);
        assert_eq!(client.messages(2).await, ["here", "next"], "{library}");
        client
            .tell(json!({ "do": "emit", "arguments": ["ack", "here"] }))
            .await;
        server.becomes(library, "here", "acknowledged").await;
        // Another socket of the key, which is shown the message again, and one that acknowledges it
        // first.
        drop(client);
        let mut client = Client::start(&server, &options);
        client.wait_for("connected").await;
        client
            .tell(json!({ "do": "emit", "arguments": ["ack", "next"] }))
            .await;
        server.becomes(library, "next", "acknowledged").await;
    }))
    .await;
    let strays = "holdfast_stray_acknowledgements_total";
    assert_eq!(server.metric(strays).await, 0.0);
}

#[tokio::test]
async fn an_event_that_asks_is_told_what_it_has_done() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key).unacknowledging());
    client.wait_for("connected").await;
    let later = json!({ "event": "e", "data": 0, "id": "later", "deliver_in": 600_000 });
    server.publish("c", later).await;
    server
        .publish("c", json!({ "event": "e", "data": 0, "id": "now" }))
        .await;
    server
        .publish(
            "c",
            json!({ "event": "e", "data": 0, "id": "short", "ttl": 300 }),
        )
        .await;
    client.messages(2).await;
    server.becomes("c", "short", "expired").await;
    for (id, outcome) in [
        ("now", "acknowledged"),
        ("now", "acknowledged"),
        ("short", "expired"),
        ("later", "unknown"),
        ("none", "unknown"),
    ] {
        client
            .tell(json!({ "do": "ask", "arguments": ["ack", id] }))
            .await;
        assert_eq!(client.wait_for("answer").await["answer"], outcome, "{id}");
    }
    assert_eq!(server.state("c", "later").await, "scheduled");
    server
        .is_noted("c", "short", "acknowledged_after_expiry")
        .await;
}

#[tokio::test]
async fn an_acknowledgement_of_an_expired_message_is_noted_as_what_it_is() {
    let server = Server::start(&[]).await;
    join_all(TRANSPORTS.map(async |transport| {
        let (id, key) = server.key(transport).await;
        let mut client = Client::start(&server, &Options::new(&key).transports(&[transport]));
        client.wait_for("connected").await;
        client.signal("STOP");
        let body = json!({ "event": "e", "data": 0, "id": "m", "ttl": 700 });
        server.publish(transport, body).await;
        server.becomes(transport, "m", "expired").await;
        client.signal("CONT");
        client.wait_for("message").await;
        let event = "acknowledged_after_expiry";
        let note = server.is_noted(transport, "m", event).await;
        assert_eq!(note["key"], id);
        let message = server.message(transport, "m").await;
        assert_eq!(message["state"], "expired", "{message}");
        assert_eq!(message["keys"]["acknowledged"], 0, "{message}");
        assert!(
            note["at"].as_str() > message["expires_at"].as_str(),
            "{note} {message}"
        );
    }))
    .await;
    let late = r#"holdfast_messages_total{state="acknowledged_late"}"#;
    assert_eq!(server.metric(late).await, TRANSPORTS.len() as f64);
}

#[tokio::test]
async fn every_message_says_when_it_was_sent() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    server
        .publish("c", json!({ "event": "e", "data": 0, "id": "waits" }))
        .await;
    let mut client = Client::start(&server, &Options::new(&key));
    let message = client.wait_for("message").await["message"].clone();
    let time = |name: &str| {
        message[name]
            .as_str()
            .unwrap()
            .parse::<server::clock::Millis>()
    };
    let (sent, due, end) = (time("sent_at"), time("deliver_at"), time("expires_at"));
    let (sent, due, end) = (sent.unwrap(), due.unwrap(), end.unwrap());
    assert!(due <= sent && sent < end, "{message}");
    let left = u64::try_from((end.0 - sent.0).max(0)).unwrap();
    assert_eq!(message["expires_in"], left, "{message}");
}

#[tokio::test]
async fn a_namespace_without_acknowledgements_shows_each_message_once_a_connection() {
    let server = Server::start(&[("UNACKNOWLEDGED_NAMESPACES", "dropcodes")]).await;
    join_all(TRANSPORTS.map(async |transport| {
        let (_, key) = server.key(transport).await;
        let options = Options::new(&key).transports(&[transport]);
        let mut client = Client::start(&server, &options);
        client.wait_for("connected").await;
        // Far more than a window holds, and than a transport takes at once.
        let ids: Vec<String> = (100..400).map(|n| n.to_string()).collect();
        for id in &ids {
            let body = json!({ "event": "e", "data": 0, "id": id, "deliver_in": 1000 });
            server.publish(transport, body).await;
        }
        let mut got = client.messages(ids.len()).await;
        got.sort();
        assert_eq!(got, ids, "{transport}");
        client
            .stays_without("message", Duration::from_millis(300))
            .await;
        server.becomes(transport, "100", "delivered").await;
        let mut next = Client::start(&server, &options);
        let first = next.wait_for("message").await;
        assert_eq!(
            first["message"]["redelivered"], true,
            "{transport}: {first}"
        );
        let mut again = next.messages(ids.len() - 1).await;
        again.push(first["message"]["id"].as_str().unwrap().to_owned());
        again.sort();
        assert_eq!(again, ids, "{transport}");
    }))
    .await;
}

#[tokio::test]
async fn what_is_in_progress_is_not_repeated_meanwhile() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key).unacknowledging());
    client.wait_for("connected").await;
    for id in ["queued", "forgotten"] {
        let body = json!({ "event": "e", "data": id, "id": id });
        server.publish("c", body).await;
    }
    assert_eq!(client.messages(2).await, ["queued", "forgotten"]);
    client
        .stays_without("message", Duration::from_secs(5))
        .await;
    let says = json!({ "do": "emit", "arguments": ["in_progress", "queued"] });
    client.tell(says).await;
    // Without that, it would be the first to come again.
    let repeat = client.wait_long_for("message").await;
    assert_eq!(repeat["data"], "forgotten");
    assert_eq!(client.wait_long_for("message").await["data"], "queued");
    let says = json!({ "do": "emit", "arguments": ["ack", "queued"] });
    client.tell(says).await;
    server.becomes("c", "queued", "acknowledged").await;
}

#[tokio::test]
async fn what_is_in_progress_is_not_blamed_for_the_end_of_its_sessions() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key).unacknowledging());
    client.wait_for("connected").await;
    let body = json!({ "event": "e", "data": 0, "id": "queued" });
    server.publish("c", body).await;
    for _ in 0..3 {
        client.wait_for("message").await;
        // The answer to the question comes after the word before it was taken.
        let says = json!({ "do": "emit", "arguments": ["in_progress", "queued"] });
        client.tell(says).await;
        client
            .tell(json!({ "do": "ask", "arguments": ["ack", "none"] }))
            .await;
        client.wait_for("answer").await;
        client.tell(json!({ "do": "drop" })).await;
        client.wait_for("disconnected").await;
    }
    client.wait_for("message").await;
    assert_eq!(server.metric("holdfast_poison_total").await, 0.0);
}
