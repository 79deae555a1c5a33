//! Why a streamer did not get a message: each reason is brought about, and told by its code.

mod several;
mod waiting;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, Options, Server, eventually};
use crate::redis::Redis;

/// Publishes `id` to channel `c`, worth 60 s.
async fn publish(server: &Server, id: &str) -> Value {
    let body = json!({ "event": "e", "data": 1, "id": id, "ttl": 60_000 });
    server.publish("c", body).await
}

async fn code(server: &Server, id: &str) -> String {
    let message = server.message("c", id).await;
    message["why"]["code"].as_str().unwrap().to_owned()
}

/// Waits until the reason of a message of channel `c` is this one. Returns the message.
async fn becomes(server: &Server, id: &str, wanted: &str) -> Value {
    let what = format!("{id}: {wanted}");
    let message = eventually(&what, async || {
        let message = server.message("c", id).await;
        (message["why"]["code"] == wanted).then_some(message)
    });
    message.await
}

/// Issues a key for channel `c`.
async fn issue(server: &Server, fields: Value) -> (String, String) {
    let mut body = json!({ "channel": "c", "namespaces": ["dropcodes"] });
    let given = fields.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(given);
    let (status, key) = server.call(Method::POST, "/v1/keys", Some(body)).await;
    assert_eq!(status, 201, "{key}");
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

/// Waits until the store knows that the plugin with the only key of channel `c` has left. Its
/// transport is WebSocket: a polling client that is killed, or one in the middle of an upgrade, is
/// missed after the ping timeout only.
async fn nobody_is_there(server: &Server) {
    eventually("the sockets have left", async || {
        let (_, keys) = server.call(Method::GET, "/v1/keys?channel=c", None).await;
        let usage = &keys["items"][0]["usage"];
        let has_left = usage["last"]["left_at"].is_string();
        (has_left && usage["sockets"] == 0).then_some(())
    })
    .await;
}

fn events(message: &Value) -> Vec<&str> {
    let timeline = message["timeline"].as_array().unwrap();
    timeline
        .iter()
        .map(|entry| entry["event"].as_str().unwrap())
        .collect()
}

/// Both stores: the reasons come from what the store keeps.
async fn servers() -> (Redis, [Server; 2]) {
    let redis = Redis::start().await;
    let shared = Server::start(&[("STORE", &redis.url())]).await;
    (redis, [Server::start(&[]).await, shared])
}

#[tokio::test]
async fn no_key_that_could_get_it() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let answer = publish(server, "nobody").await;
        assert_eq!(answer["notice"]["code"], "no_key", "{answer}");
        assert_eq!(code(server, "nobody").await, "no_key");
        issue(server, json!({ "watch": true })).await;
        assert_eq!(
            code(server, "nobody").await,
            "no_key",
            "a watcher gets nothing"
        );
        issue(server, json!({ "namespaces": ["donations"] })).await;
        let answer = publish(server, "elsewhere").await;
        assert_eq!(answer["notice"]["code"], "no_key_in_namespace", "{answer}");
        assert_eq!(code(server, "elsewhere").await, "no_key_in_namespace");
        issue(server, json!({ "since": "2100-01-01T00:00:00Z" })).await;
        assert_eq!(code(server, "elsewhere").await, "key_issued_later");
        issue(server, json!({})).await;
        let answer = publish(server, "somebody").await;
        assert_eq!(answer["notice"], Value::Null, "{answer}");
        assert_eq!(code(server, "somebody").await, "never_connected");
        let body = json!([{ "channel": "d", "event": "e", "data": 1 }, { "channel": "c", "event": "e", "data": 1 }]);
        let path = "/v1/namespaces/dropcodes/batch";
        let (status, answers) = server.call(Method::POST, path, Some(body)).await;
        assert_eq!(status, 200);
        assert_eq!(
            answers[0]["message"]["notice"]["code"], "no_key",
            "{answers}"
        );
        assert_eq!(answers[1]["message"]["notice"], Value::Null, "{answers}");
    }
}

#[tokio::test]
async fn nobody_was_connected() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let (_, key) = issue(server, json!({ "namespaces": ["dropcodes", "donations"] })).await;
        let options = Options::new(&key).transports(&["websocket"]);
        let mut client = Client::start(server, &options);
        publish(server, "here").await;
        let got = client.wait_for("message").await;
        assert_eq!(got["message"]["id"], "here");
        drop(client);
        nobody_is_there(server).await;
        let before = publish(server, "gone").await;
        let message = becomes(server, "gone", "not_connected").await;
        assert!(
            message["why"]["detail"]
                .as_str()
                .unwrap()
                .contains("since 20"),
            "{message}"
        );
        let mut other = Client::start(server, &options.namespace("/donations"));
        other.wait_for("connected").await;
        let message = becomes(server, "gone", "connected_elsewhere").await;
        let detail = message["why"]["detail"].as_str().unwrap();
        assert!(detail.contains("namespace donations"), "{detail}");
        drop(other);
        // It expires, and a plugin comes after that.
        let body = json!({ "event": "e", "data": 1, "id": "brief", "ttl": 100 });
        nobody_is_there(server).await;
        becomes(server, "gone", "not_connected").await;
        server.publish("c", body).await;
        server.becomes("c", "brief", "expired").await;
        let mut late = Client::start(server, &Options::new(&key));
        late.wait_for("connected").await;
        let told = eventually("a plugin came too late", async || {
            let message = server.message("c", "brief").await;
            let detail = message["why"]["detail"].as_str().unwrap().to_owned();
            detail.contains("one came at").then_some(message)
        });
        let told = told.await;
        assert_eq!(told["why"]["code"], "not_connected", "{told}");
        assert_eq!(events(&told), ["stored", "due", "expired"]);
        assert!(before["notice"].is_null(), "{before}");
    }
}

#[tokio::test]
async fn the_client_never_acknowledges() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let (id, key) = issue(server, json!({})).await;
        let mut client = Client::start(server, &Options::new(&key).unacknowledging());
        client.wait_for("connected").await;
        for number in 0..16 {
            publish(server, &format!("m{number:02}")).await;
        }
        client.messages(16).await;
        let behind = publish(server, "behind").await;
        let message = becomes(server, "behind", "window_full").await;
        let detail = message["why"]["detail"].as_str().unwrap();
        assert!(detail.contains("m00 the longest"), "{detail}");
        let message = becomes(server, "m00", "awaiting_acknowledgement").await;
        assert_eq!(events(&message), ["stored", "due", "emitted"]);
        assert_eq!(message["receipts"][0]["key"], id, "{message}");
        assert_eq!(message["receipts"][0]["status"], "emitted", "{message}");
        // An acknowledgement makes room.
        client
            .tell(json!({ "do": "ack", "index": 0, "arguments": ["m00"] }))
            .await;
        becomes(server, "m00", "delivered").await;
        becomes(server, "behind", "awaiting_acknowledgement").await;
        drop(client);
        let body = json!({ "event": "e", "data": 1, "id": "short", "ttl": 300 });
        let due: server::clock::Millis = behind["deliver_at"].as_str().unwrap().parse().unwrap();
        let since = server::clock::Millis(due.0 + 1).to_string();
        let (_, second) = issue(server, json!({ "since": since })).await;
        let mut fresh = Client::start(server, &Options::new(&second).unacknowledging());
        fresh.wait_for("connected").await;
        server.publish("c", body).await;
        fresh.messages(1).await;
        let message = becomes(server, "short", "never_acknowledged").await;
        assert_eq!(events(&message), ["stored", "due", "emitted", "expired"]);
        assert_eq!(message["receipts"][0]["status"], "expired", "{message}");
    }
}

#[tokio::test]
async fn what_the_plugin_says_is_told_with_its_time_and_node() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let (id, key) = issue(server, json!({})).await;
        let mut client = Client::start(server, &Options::new(&key).unacknowledging());
        client.wait_for("connected").await;
        let cases = [
            ("shown", "delivered"),
            ("skipped", "not_shown"),
            ("failed", "not_shown"),
            ("expired", "not_shown"),
        ];
        for (index, (status, why)) in cases.iter().enumerate() {
            publish(server, status).await;
            client.wait_for("message").await;
            let said = json!([status, { "status": status }]);
            client
                .tell(json!({ "do": "ack", "index": index, "arguments": said }))
                .await;
            let message = becomes(server, status, why).await;
            assert_eq!(
                events(&message),
                ["stored", "due", "emitted", "acknowledged"]
            );
            let receipt = &message["receipts"][0];
            assert_eq!(receipt["key"], id, "{message}");
            assert_eq!(receipt["status"], *status, "{message}");
            let time = |name: &str| receipt[name].as_str().unwrap().to_owned();
            assert!(time("emitted_at") <= time("acknowledged_at"), "{message}");
            assert_eq!(message["timeline"][3]["status"], *status, "{message}");
            assert!(
                receipt["node"].as_str().unwrap().starts_with("node-"),
                "{message}"
            );
        }
        // By event, too.
        publish(server, "event").await;
        client.wait_for("message").await;
        let said = json!(["ack", "event", { "status": "skipped" }]);
        client
            .tell(json!({ "do": "emit", "arguments": said }))
            .await;
        becomes(server, "event", "not_shown").await;
    }
}

#[tokio::test]
async fn a_late_acknowledgement_and_poison_have_their_codes() {
    let server = Server::start(&[]).await;
    let (old, _) = issue(&server, json!({})).await;
    // Its receipts are kept under the id of the one that it replaces.
    let (_, key) = issue(&server, json!({ "replaces": old })).await;
    let mut client = Client::start(&server, &Options::new(&key).transports(&["websocket"]));
    client.wait_for("connected").await;
    client.signal("STOP");
    let body = json!({ "event": "e", "data": 1, "id": "late", "ttl": 500 });
    server.publish("c", body).await;
    server.becomes("c", "late", "expired").await;
    client.signal("CONT");
    let message = becomes(&server, "late", "acknowledged_after_expiry").await;
    assert_eq!(message["receipts"][0]["status"], "expired", "{message}");
    assert!(
        message["receipts"][0]["acknowledged_at"].is_string(),
        "{message}"
    );
    drop(client);
    let mut options = Options::new(&key).transports(&["websocket"]);
    options.breaks_at = Some("poison".into());
    let body = json!({ "event": "e", "data": "poison", "id": "p" });
    server.publish("c", body).await;
    let _client = Client::start(&server, &options);
    becomes(&server, "p", "poison").await;
}
