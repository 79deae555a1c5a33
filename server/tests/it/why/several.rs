//! Messages of which several keys or watchers know.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::{issue, publish, servers};
use crate::harness::{Client, Options, eventually};

#[tokio::test]
async fn a_message_to_everyone_keeps_so_many_receipts_and_counts_all() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let mut clients = Vec::new();
        for _ in 0..20 {
            let (_, key) = issue(server, json!({})).await;
            let options = Options::new(&key).transports(&["websocket"]);
            let mut client = Client::start(server, &options);
            client.wait_for("connected").await;
            clients.push(client);
        }
        let body = json!({ "event": "e", "data": 1, "id": "all", "ttl": 60_000 });
        let path = "/v1/namespaces/dropcodes/messages";
        let (status, _) = server.call(Method::POST, path, Some(body)).await;
        assert_eq!(status, 202);
        let message = eventually("all have acknowledged", async || {
            let (_, message) = server.call(Method::GET, &format!("{path}/all"), None).await;
            (message["keys"]["acknowledged"] == 20).then_some(message)
        });
        let message = message.await;
        assert_eq!(
            message["receipts"].as_array().unwrap().len(),
            16,
            "{message}"
        );
        assert_eq!(message["why"]["code"], "delivered", "{message}");
    }
}

#[tokio::test]
async fn a_new_key_gets_what_is_due_from_its_issue_on() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let body =
            |id: &str, wait: u64| json!({ "event": "e", "data": 1, "id": id, "deliver_in": wait });
        let old = server.publish("c", body("old", 0)).await;
        // A key is given what was due a second before it: two nodes have two clocks.
        let due: server::clock::Millis = old["deliver_at"].as_str().unwrap().parse().unwrap();
        eventually("a second is over", async || {
            (server::clock::system_micros() / 1000 - due.0 > 1500).then_some(())
        })
        .await;
        let later = server.publish("c", body("later", 3000)).await;
        let (_, key) = issue(server, json!({})).await;
        let mut client = Client::start(server, &Options::new(&key));
        let got = client.wait_for("message").await;
        assert_eq!(got["message"]["id"], later["id"], "{got}");
        // One that asks for it gets what was before it.
        let (_, all) = issue(server, json!({ "since": old["deliver_at"] })).await;
        let mut client = Client::start(server, &Options::new(&all));
        assert_eq!(client.messages(2).await, ["old", "later"]);
    }
}

#[tokio::test]
async fn a_key_that_replaces_another_keeps_its_receipts() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let (old, key) = issue(server, json!({})).await;
        let acknowledge = |id: &str| json!({ "do": "emit", "arguments": ["ack", id] });
        let mut first = Client::start(server, &Options::new(&key).unacknowledging());
        publish(server, "a").await;
        first.wait_for("message").await;
        first.tell(acknowledge("a")).await;
        server.becomes("c", "a", "acknowledged").await;
        let (new, key) = issue(server, json!({ "replaces": old })).await;
        let mut second = Client::start(server, &Options::new(&key).unacknowledging());
        second.wait_for("connected").await;
        // Both are connected, and both are shown it. What one has acknowledged, the other has.
        publish(server, "b").await;
        assert_eq!(second.messages(1).await, ["b"], "a is settled already");
        assert_eq!(first.messages(1).await, ["b"]);
        first.tell(acknowledge("b")).await;
        server.becomes("c", "b", "acknowledged").await;
        server.revoke(&old).await;
        first.wait_for("disconnected").await;
        publish(server, "d").await;
        assert_eq!(second.messages(1).await, ["d"]);
        second.tell(acknowledge("d")).await;
        server.becomes("c", "d", "acknowledged").await;
        for id in ["a", "b", "d"] {
            let message = server.message("c", id).await;
            assert_eq!(
                message["keys"],
                json!({ "delivered": 1, "acknowledged": 1 }),
                "{message}"
            );
        }
        server.revoke(&new).await;
        second.wait_for("disconnected").await;
        let body = json!({ "channel": "d", "namespaces": ["dropcodes"], "replaces": new });
        let (status, answer) = server.call(Method::POST, "/v1/keys", Some(body)).await;
        assert_eq!(
            (status, &answer["errors"][0]["field"]),
            (422, &json!("replaces")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_watcher_sees_and_counts_nowhere() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let (_, key) = issue(server, json!({ "watch": true })).await;
        let mut watcher = Client::start(server, &Options::new(&key));
        watcher.wait_for("connected").await;
        let answer = publish(server, "a").await;
        assert_eq!(answer["notice"]["code"], "no_key", "{answer}");
        assert_eq!(watcher.messages(1).await, ["a"]);
        watcher
            .tell(json!({ "do": "ask", "arguments": ["ack", "a"] }))
            .await;
        assert_eq!(watcher.wait_for("answer").await["answer"], "unknown");
        let (_, key) = issue(server, json!({})).await;
        let mut plugin = Client::start(server, &Options::new(&key));
        plugin.wait_for("connected").await;
        publish(server, "b").await;
        assert_eq!(watcher.messages(1).await, ["b"]);
        server.becomes("c", "b", "acknowledged").await;
        let message = server.message("c", "b").await;
        assert_eq!(
            message["keys"],
            json!({ "delivered": 1, "acknowledged": 1 }),
            "{message}"
        );
        let path = "/v1/namespaces/dropcodes/channels/c";
        let sockets = eventually("the plugin counts", async || {
            let (_, channel) = server.call(Method::GET, path, None).await;
            channel["sockets"].as_u64().filter(|sockets| *sockets > 0)
        });
        assert_eq!(sockets.await, 1);
        watcher
            .stays_without("message", Duration::from_millis(200))
            .await;
    }
}
