//! The indexes in Redis: what the release before has stored, what is damaged, and what is asked when
//! nothing happens.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use server::delivery::Tuning;

use crate::faulty_store::{call, node, url};
use crate::harness::{Client, Options, eventually};
use crate::redis::Redis;
use crate::shared::{key, on};

#[tokio::test]
async fn what_the_release_before_has_stored_is_delivered_and_retired() {
    let redis = Redis::start().await;
    let node = on(&redis, "new").await;
    let (id, key) = key(&node, "c").await;
    // As that release stores it, in its own indexes.
    let prefix = "hf:{dropcodes/c}:";
    let now = std::time::SystemTime::now();
    let now = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let digest = "07".repeat(32);
    for (number, name) in [(1, "acknowledged"), (2, "open")] {
        let (seq, expires) = (now * 1000 + number, now + 3_000);
        let member = format!("{seq:016}{name}");
        let line = format!(
            r#"A {seq} {now} {expires} 1 {digest} {{"id":"{name}","event":"e","created_at":{now},"data":1}}"#
        );
        redis
            .ask(&["SET", &format!("{prefix}m:{name}"), &line])
            .await;
        for (set, score) in [("due", now), ("seq", seq), ("exp", expires)] {
            let set = format!("{prefix}{set}");
            redis
                .ask(&["ZADD", &set, &score.to_string(), &member])
                .await;
        }
        for (field, value) in [("n", 1), ("b", 1)] {
            let load = format!("{prefix}load");
            redis
                .ask(&["HINCRBY", &load, field, &value.to_string()])
                .await;
        }
    }
    let receipts = format!("{prefix}r:acknowledged");
    redis
        .ask(&["HSET", &receipts, &id, "a", "#d", "1", "#a", "1"])
        .await;
    let expiry = (now + 3_000).to_string();
    redis
        .ask(&["ZADD", "hf:expiries", &expiry, "dropcodes/c"])
        .await;
    let mut client = Client::connect(&url(&node), &Options::new(&key));
    assert_eq!(client.messages(1).await, ["open"]);
    let metrics = &node.handler().context.metrics;
    eventually("both are retired", async || {
        let load = redis.ask(&["HGET", &format!("{prefix}load"), "n"]).await;
        let live: u32 = redis::from_redis_value(load).unwrap();
        (live == 0).then_some(())
    })
    .await;
    for left in ["hf:expiries", "hf:ends"] {
        let number: u32 = redis::from_redis_value(redis.ask(&["ZCARD", left]).await).unwrap();
        assert_eq!(number, 0, "{left}");
    }
    assert_eq!(metrics.redeliveries.get(), 0);
}

#[tokio::test]
async fn a_damaged_mailbox_holds_up_no_others() {
    let redis = Redis::start().await;
    let node = on(&redis, "a").await;
    let (_, key) = key(&node, "c").await;
    let mut client = Client::connect(&url(&node), &Options::new(&key));
    client.wait_for("connected").await;
    redis.ask(&["SET", "hf:{dropcodes/c}:r:damaged", "x"]).await;
    let path = "/v1/namespaces/dropcodes/channels/c/messages";
    for id in ["damaged", "sound"] {
        let body = json!({ "event": "e", "data": 1, "id": id });
        assert_eq!(call(&node, Method::POST, path, Some(body)).await.0, 202);
        assert_eq!(client.messages(1).await, [id]);
    }
    eventually("what can be noted is", async || {
        let path = format!("{path}/sound");
        let (_, _, message) = call(&node, Method::GET, &path, None).await;
        (message["state"] == "acknowledged").then_some(())
    })
    .await;
}

#[tokio::test]
async fn idle_channels_ask_nothing_and_what_falls_due_on_them_comes() {
    let redis = Redis::start().await;
    let tuning = Tuning {
        sweep: Duration::from_millis(300),
        horizon: Duration::from_millis(600),
        ..Tuning::default()
    };
    let node = node("a", Arc::new(redis.connect().await), tuning).await;
    let mut clients = Vec::new();
    for n in 0..8 {
        let (_, key) = key(&node, &format!("c{n}")).await;
        let mut client = Client::connect(&url(&node), &Options::new(&key));
        client.wait_for("connected").await;
        clients.push(client);
    }
    // Further away than anything is held in timers, and on a channel that is read on all the time.
    let path = "/v1/namespaces/dropcodes/channels/c3/messages";
    let body = json!({ "event": "e", "data": 1, "id": "later", "deliver_in": 4_000 });
    assert_eq!(call(&node, Method::POST, path, Some(body)).await.0, 202);
    let scripts = async || {
        let info: String =
            redis::from_redis_value(redis.ask(&["INFO", "commandstats"]).await).unwrap();
        let line = info
            .lines()
            .find(|line| line.starts_with("cmdstat_evalsha:"));
        let calls = line.and_then(|line| line.split("calls=").nth(1)?.split(',').next());
        calls
            .and_then(|calls| calls.parse::<u64>().ok())
            .unwrap_or(0)
    };
    // Once what was announced has been read on, nothing is.
    assert_eq!(clients[3].messages(1).await, ["later"]);
    eventually("nobody asks", async || {
        let before = scripts().await;
        // Two rounds.
        tokio::time::sleep(Duration::from_millis(600)).await;
        (scripts().await == before).then_some(())
    })
    .await;
}
