//! Reasons of messages that wait although nothing is wrong with their keys.

use reqwest::Method;
use serde_json::{Value, json};

use super::{becomes, code, issue, publish, servers};
use crate::harness::{Client, Options, Server, eventually};
use crate::redis::Redis;

const EVERYONE: &str = "/v1/namespaces/dropcodes/messages";

#[tokio::test]
async fn what_is_not_due_and_what_was_withdrawn() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let body = json!({ "event": "e", "data": 1, "id": "later", "deliver_in": 3_600_000 });
        server.publish("c", body).await;
        assert_eq!(code(server, "later").await, "not_due");
        let path = "/v1/namespaces/dropcodes/channels/c/messages/later";
        let (status, answer) = server.call(Method::DELETE, path, None).await;
        assert_eq!(status, 204, "{answer}");
        assert_eq!(code(server, "later").await, "cancelled");
    }
}

#[tokio::test]
async fn the_node_of_the_plugin_stands_still() {
    let redis = Redis::start().await;
    let start = async |name| Server::start(&[("STORE", &redis.url()), ("NODE_ID", name)]).await;
    let (still, server) = (start("still").await, start("other").await);
    let (_, key) = issue(&server, json!({})).await;
    let mut client = Client::start(&still, &Options::new(&key).transports(&["websocket"]));
    client.wait_for("connected").await;
    eventually("the other node knows of the plugin", async || {
        let path = "/v1/namespaces/dropcodes/channels/c";
        let (_, channel) = server.call(Method::GET, path, None).await;
        (channel["sockets"] == 1).then_some(())
    })
    .await;
    still.signal("STOP");
    publish(&server, "m").await;
    assert_eq!(code(&server, "m").await, "connected");
    let body = json!({ "event": "e", "data": 1, "id": "brief", "ttl": 100 });
    server.publish("c", body).await;
    becomes(&server, "brief", "expired_before_emitted").await;
    still.signal("CONT");
    assert_eq!(client.messages(1).await, ["m"]);
    becomes(&server, "m", "delivered").await;
}

#[tokio::test]
async fn a_window_is_full_of_messages_to_everyone() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let (_, key) = issue(server, json!({})).await;
        let options = Options::new(&key).transports(&["websocket"]);
        let mut client = Client::start(server, &options.unacknowledging());
        client.wait_for("connected").await;
        for number in 0..16 {
            let body = json!({ "event": "e", "data": 1, "id": format!("all-{number:02}") });
            let (status, _) = server.call(Method::POST, EVERYONE, Some(body)).await;
            assert_eq!(status, 202);
        }
        client.messages(16).await;
        publish(server, "behind").await;
        let message = becomes(server, "behind", "window_full").await;
        let detail = message["why"]["detail"].as_str().unwrap();
        assert!(detail.contains("all-00 the longest"), "{detail}");
    }
}

#[tokio::test]
async fn a_window_is_full_of_messages_that_another_key_has_acknowledged() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let (_, key) = issue(server, json!({})).await;
        let options = Options::new(&key).transports(&["websocket"]);
        let mut takes = Client::start(server, &options);
        takes.wait_for("connected").await;
        let (_, key) = issue(server, json!({})).await;
        let options = Options::new(&key).transports(&["websocket"]);
        let mut never = Client::start(server, &options.unacknowledging());
        never.wait_for("connected").await;
        for number in 0..16 {
            let id = format!("m{number:02}");
            publish(server, &id).await;
            server.becomes("c", &id, "acknowledged").await;
        }
        never.messages(16).await;
        drop(takes);
        eventually("one has left", async || {
            let path = "/v1/namespaces/dropcodes/channels/c";
            let (_, channel) = server.call(Method::GET, path, None).await;
            (channel["sockets"] == 1).then_some(())
        })
        .await;
        publish(server, "behind").await;
        becomes(server, "behind", "window_full").await;
    }
}

#[tokio::test]
async fn a_message_to_everyone_has_its_reasons() {
    let (_redis, servers) = servers().await;
    for server in &servers {
        let body = json!({ "event": "e", "data": 1, "id": "all" });
        let (status, _) = server.call(Method::POST, EVERYONE, Some(body)).await;
        assert_eq!(status, 202);
        let all = async || {
            let (_, message) = server
                .call(Method::GET, &format!("{EVERYONE}/all"), None)
                .await;
            message["why"]["code"].clone()
        };
        assert_eq!(all().await, "not_connected");
    }
}

#[tokio::test]
async fn a_namespace_without_acknowledgements_delivers() {
    let server = Server::start(&[("UNACKNOWLEDGED_NAMESPACES", "dropcodes")]).await;
    let (_, key) = issue(&server, json!({})).await;
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    publish(&server, "m").await;
    client.messages(1).await;
    let message = becomes(&server, "m", "delivered").await;
    let detail: &Value = &message["why"]["detail"];
    assert!(
        detail
            .as_str()
            .unwrap()
            .contains("ask for no acknowledgement"),
        "{message}"
    );
}
