//! Whoever may publish in Redis, but is no node: what he announces is not believed.

use std::time::SystemTime;

use redis::Value as Answer;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Client, Options, Server, eventually};
use crate::redis::Redis;

async fn node(redis: &Redis, settings: &[(&str, &str)]) -> Server {
    let store = redis.url();
    let settings = [&[("STORE", store.as_str())], settings].concat();
    Server::start(&settings).await
}

/// A line of the store that a forger may have seen.
async fn line_of(redis: &Redis, id: &str) -> String {
    let key = format!("hf:{{dropcodes/c}}:m:{id}");
    match redis.ask(&["GET", &key]).await {
        Answer::BulkString(line) => String::from_utf8(line).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn announce(redis: &Redis, what: &str) {
    redis.ask(&["PUBLISH", "hf:announce:0", what]).await;
}

#[tokio::test]
async fn a_forged_message_is_not_delivered() {
    let redis = Redis::start().await;
    let server = node(&redis, &[]).await;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    let later = json!({ "event": "e", "data": "real", "id": "later", "deliver_in": 600_000 });
    server.publish("c", later).await;
    let line = line_of(&redis, "later").await;

    // Another text; another moment; no seal.
    let moment = line.split(' ').nth(2).unwrap();
    let seal = line.find(r#","seal":""#).unwrap();
    let unsealed = [&line[..seal], &line[seal + r#","seal":"""#.len() + 32..]].concat();
    let forgeries = [
        line.replace("real", "fake"),
        line.replace(moment, "1"),
        unsealed,
    ];
    for forged in &forgeries {
        announce(&redis, &format!("P dropcodes/c {forged}")).await;
        let batch = format!("M {} dropcodes/c {forged}", forged.len());
        redis.ask(&["PUBLISH", "hf:published", &batch]).await;
    }
    eventually("they are counted", async || {
        let unproved = server.metric("holdfast_announcements_unproved_total").await;
        (unproved == 2.0 * forgeries.len() as f64).then_some(())
    })
    .await;
    server
        .publish("c", json!({ "event": "e", "data": 1, "id": "now" }))
        .await;
    assert_eq!(client.messages(1).await, ["now"], "nothing came before it");
    let missed = server.metric("holdfast_announcements_missed_total").await;
    assert_eq!(missed, 0.0, "those of the node are believed");
}

#[tokio::test]
async fn a_forged_revocation_dismisses_nobody() {
    let redis = Redis::start().await;
    let server = node(&redis, &[]).await;
    let (id, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    for _ in 0..100 {
        announce(&redis, &format!("R {id}")).await;
    }
    server
        .publish("c", json!({ "event": "e", "data": 1, "id": "a" }))
        .await;
    assert_eq!(client.messages(1).await, ["a"]);
    server.becomes("c", "a", "acknowledged").await;
    // A real one does.
    server.revoke(&id).await;
    client.wait_for("disconnected").await;
}

#[tokio::test]
async fn a_forged_cancellation_holds_no_message_back() {
    let redis = Redis::start().await;
    let (server, other) = (node(&redis, &[]).await, node(&redis, &[]).await);
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    let body = |id: &str| json!({ "event": "e", "data": 1, "id": id, "deliver_in": 10_000 });
    // Both are in the node's timers, known from their announcements.
    let kept = server.publish("c", body("kept")).await;
    other.publish("c", body("gone")).await;
    let due = humantime::parse_rfc3339(kept["deliver_at"].as_str().unwrap()).unwrap();
    let due = due.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    for seq in 0..20 {
        let said = format!("C dropcodes/c kept {} {seq}", due.as_millis());
        announce(&redis, &said).await;
        announce(&redis, &format!("{said} {}", "0".repeat(32))).await;
    }
    eventually("they are seen through", async || {
        let unproved = server.metric("holdfast_announcements_unproved_total").await;
        (unproved >= 40.0).then_some(())
    })
    .await;
    // A real one is believed, from another node as well.
    let path = "/v1/namespaces/dropcodes/channels/c/messages/gone";
    assert_eq!(other.call(Method::DELETE, path, None).await.0, 204);
    let got = client.wait_for("message").await;
    assert_eq!(got["message"]["id"], "kept");
    let late = got["late"].as_f64().unwrap();
    assert!(
        late < 10_000.0,
        "the sweep would come after 30 s: {late} ms"
    );
    server
        .publish("c", json!({ "event": "e", "data": 1, "id": "last" }))
        .await;
    assert_eq!(client.messages(1).await, ["last"]);
}

/// A roll-out of new backend keys: nodes that share none still deliver to each other's clients
/// before the next sweep.
#[tokio::test]
async fn nodes_without_a_common_key_read_the_mailbox_instead() {
    let redis = Redis::start().await;
    let old = node(&redis, &[]).await;
    let new = node(&redis, &[("S2S_KEYS", "another-backend-key-of-32-letters")]).await;
    let (_, key) = old.key("c").await;
    let mut client = Client::start(&new, &Options::new(&key));
    client.wait_for("connected").await;
    old.publish("c", json!({ "event": "e", "data": 1, "id": "a" }))
        .await;
    assert_eq!(client.messages(1).await, ["a"]);
    assert!(new.metric("holdfast_announcements_unproved_total").await >= 1.0);
}

#[tokio::test]
async fn a_policy_that_drops_messages_is_told_while_the_server_runs() {
    let redis = Redis::start().await;
    let server = node(&redis, &[]).await;
    let told = async |start: &str| {
        let is_told = || {
            let log = server.log();
            let mut lines = log.iter().filter_map(|line| line["message"].as_str());
            lines.any(|line| line.starts_with(start)).then_some(())
        };
        eventually(start, async || is_told()).await;
    };
    redis
        .ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
        .await;
    told("Redis drops messages").await;
    redis
        .ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await;
    told("Redis's maxmemory-policy is noeviction again").await;
}
