//! A message that a client breaks at must not keep the others from it.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client_matrix::Way;
use crate::harness::{Client, Options, Server, eventually};
use crate::raw::Polling;

/// Publishes a poison message and three others, which wait.
async fn publish(server: &Server, channel: &str) {
    for (id, data) in [("p", "poison"), ("a", "fine"), ("b", "fine"), ("c", "fine")] {
        let body = json!({ "event": "e", "data": data, "id": id });
        server.publish(channel, body).await;
    }
}

async fn the_others_have_passed(server: &Server, channel: &str) {
    for id in ["a", "b", "c"] {
        server.becomes(channel, id, "acknowledged").await;
    }
    server.is_noted(channel, "p", "poison").await;
    assert_eq!(server.state(channel, "p").await, "delivered");
    let named = |line: &Value| line["message_id"] == "p" && line["level"] == "WARN";
    eventually("the log names it", async || {
        let log = server.log();
        let mut lines = log.iter().filter(|line| named(line));
        lines
            .any(|line| {
                line["message"]
                    .as_str()
                    .unwrap_or_default()
                    .starts_with("poison")
            })
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_ends_on_a_message_let_the_others_pass() {
    let server = Server::start(&[]).await;
    let cases = ["v4", "v2"].map(|library| ["polling", "websocket"].map(|t| (library, t)));
    let cases: Vec<_> = cases.into_iter().flatten().collect();
    join_all(cases.iter().map(async |(library, transport)| {
        let channel = format!("{library}-{transport}");
        let (_, key) = server.key(&channel).await;
        publish(&server, &channel).await;
        let mut options = Options::new(&key).library(library).transports(&[transport]);
        options.breaks_at = Some("poison".into());
        if *library == "v2" {
            options = options.by_header();
        }
        let mut client = Client::start(&server, &options);
        assert_eq!(client.messages(3).await, ["a", "b", "c"], "{channel}");
        the_others_have_passed(&server, &channel).await;
        // What comes from now on is not held up either.
        let body = json!({ "event": "e", "data": "fine", "id": "d" });
        server.publish(&channel, body).await;
        assert_eq!(client.messages(1).await, ["d"], "{channel}");
    }))
    .await;
    let poison = server.metric("holdfast_poison_total").await;
    assert_eq!(poison, cases.len() as f64);
}

/// python-socketio 4 leaves a polling session that it cannot read without a word, and begins a new
/// one.
#[tokio::test]
async fn sessions_that_are_left_without_a_word_count_too() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    publish(&server, "c").await;
    // By hand throughout: a process may take longer to start than an end is put down to a message.
    let join = async || {
        let session = Polling::open(&server, 4, None).await;
        let connect = format!(r#"40/dropcodes,{{"key":"{key}"}}"#);
        assert_eq!(session.post(connect).await.status(), 200);
        session
    };
    for _ in 0..2 {
        let session = join().await;
        while !session.poll().await.contains("poison") {}
    }
    let session = join().await;
    for id in ["a", "b", "c"] {
        while !session.poll().await.contains(&format!(r#""id":"{id}""#)) {}
        let acknowledge = format!(r#"42/dropcodes,["ack","{id}"]"#);
        assert_eq!(session.post(acknowledge).await.status(), 200);
    }
    the_others_have_passed(&server, "c").await;
}

/// python-socketio 4 on polling counts code points where the protocol counts UTF-16 units, and reads
/// JSON with a bounded stack.
#[tokio::test]
async fn what_breaks_a_reader_of_its_own_kind_arrives() {
    let server = Server::start(&[]).await;
    let deep = (0..63).fold(json!("🙂"), |inner, _| json!([inner]));
    let data = [
        json!("🙂 and 🏳️‍🌈"),
        json!({ "🙂": "é" }),
        deep,
        json!("plain"),
    ];
    let mut ways = Way::transports();
    ways.retain(|way| way.library == "python");
    ways.extend(Way::python4());
    join_all(ways.iter().map(async |way| {
        let channel = way.name();
        let (_, key) = server.key(&channel).await;
        let body = |data: &Value| json!({ "event": "e", "data": data });
        for data in &data {
            server.publish(&channel, body(data)).await;
        }
        let mut client = Client::start(&server, &way.options(&key));
        let mut left = data.to_vec();
        while !left.is_empty() {
            let got = client.next().await;
            assert_ne!(got["type"], "disconnected", "{channel}: {got}");
            left.retain(|data| got["type"] != "message" || *data != got["data"]);
        }
        for data in &data {
            let published = server.publish(&channel, body(data)).await;
            server
                .becomes(&channel, published["id"].as_str().unwrap(), "acknowledged")
                .await;
        }
    }))
    .await;
    assert_eq!(server.metric("holdfast_poison_total").await, 0.0);
}

#[tokio::test]
async fn data_that_breaks_readers_is_refused() {
    let server = Server::start(&[]).await;
    let path = "/v1/namespaces/dropcodes/channels/c/messages";
    let deep = (0..65).fold(json!(1), |inner, _| json!([inner]));
    let (status, answer) = server
        .call(
            Method::POST,
            path,
            Some(json!({ "event": "e", "data": deep })),
        )
        .await;
    assert_eq!(status, 422, "{answer}");
    assert_eq!(answer["errors"][0]["field"], "data", "{answer}");
}
