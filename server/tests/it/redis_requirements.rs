//! What only looks as if it worked: connections on which nothing passes, a Redis that has gone back
//! in time, and one that cannot do the work at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use server::delivery::Tuning;
use server::settings::RedisSettings;

use crate::faulty_store::{call, node, url};
use crate::forwarder::Forwarder;
use crate::harness::{Client, Options, eventually, free_port};
use crate::redis::Redis;
use crate::redis_faults::Pair;

/// Within this a connection that is dead without a word is given up and made anew, and a call that
/// waited on it ends.
const NOTICED: Duration = Duration::from_secs(6);

#[tokio::test]
async fn a_connection_that_is_dead_without_a_word_is_made_anew() {
    let redis = Redis::start().await;
    let forwarder = Forwarder::to(redis.address).await;
    let stores = (forwarder.connect().await, forwarder.connect().await);
    let mut pair = Pair::at(stores.0, stores.1).await;
    forwarder.freeze();
    let start = Instant::now();
    pair.arrives("after").await;
    assert!(start.elapsed() < NOTICED, "{:?}", start.elapsed());
    // Announcements are heard, too: the sweep would take half a minute.
    let start = Instant::now();
    pair.arrives("again").await;
    assert!(start.elapsed() < NOTICED, "{:?}", start.elapsed());
}

async fn issue(pair: &Pair, expected: u16) -> Value {
    let body = json!({ "channel": "c", "namespaces": ["dropcodes"] });
    let (status, _, key) = call(&pair.a, Method::POST, "/v1/keys", Some(body)).await;
    assert_eq!(status, expected, "{key}");
    key
}

/// The earliest of the moments that nodes have said last that they live.
async fn beat(redis: &Redis) -> u64 {
    let names: Vec<String> =
        redis::from_redis_value(redis.ask(&["KEYS", "hf:beat:*"]).await).unwrap();
    let mut earliest = u64::MAX;
    for name in &names {
        let value: u64 = redis::from_redis_value(redis.ask(&["GET", name]).await).unwrap();
        earliest = earliest.min(value);
    }
    assert_eq!(names.len(), 2, "{names:?}");
    earliest
}

#[tokio::test]
async fn an_old_snapshot_brings_no_revoked_key_back_and_takes_none_away() {
    let mut redis = Redis::start().await;
    let pair = Pair::on(&redis).await;
    let old = issue(&pair, 201).await;
    redis.ask(&["SAVE"]).await;
    let saved = beat(&redis).await;
    eventually("the snapshot is old", async || {
        (beat(&redis).await > saved + 7_000).then_some(())
    })
    .await;
    let new = issue(&pair, 201).await;
    let path = format!("/v1/keys/{}", old["id"].as_str().unwrap());
    assert_eq!(call(&pair.a, Method::DELETE, &path, None).await.0, 204);
    let options = |key: &Value| Options::new(key["key"].as_str().unwrap());
    let mut client = Client::connect(&url(&pair.b), &options(&new));
    client.wait_for("connected").await;
    redis.kill().await;
    redis.revive().await;
    eventually("it is noticed", async || {
        let path = format!("/v1/keys/{}", old["id"].as_str().unwrap());
        // It is there again, and revoked again.
        (call(&pair.a, Method::DELETE, &path, None).await.0 == 404).then_some(())
    })
    .await;
    let mut again = Client::connect(&url(&pair.a), &options(&new));
    again.wait_for("connected").await;
    client
        .stays_without("disconnected", Duration::from_secs(2))
        .await;
    let mut revoked = Client::connect(&url(&pair.a), &options(&old));
    let refusal = revoked.wait_for("connect_error").await;
    assert_eq!(refusal["data"]["code"], "invalid_key", "{refusal}");
}

async fn refusal(settings: &RedisSettings) -> String {
    match crate::redis::open(settings, &server::tasks::Tasks::new()).await {
        Ok(_) => panic!("it is taken"),
        Err(error) => format!("{error:#}"),
    }
}

#[tokio::test]
async fn a_redis_that_cannot_do_the_work_is_refused_at_the_start() {
    let primary = Redis::start().await;
    let port = primary.address.port().to_string();
    let replica = Redis::with(&["--save", "", "--replicaof", "127.0.0.1", &port]).await;
    // Its bus has a port of its own, among those of outgoing connections unless it is told one.
    let bus = free_port().to_string();
    let bus = ["--cluster-enabled", "yes", "--cluster-port", &bus];
    let cluster = Redis::with(&bus).await;
    primary
        .ask(&["ACL", "SETUSER", "hf", "on", ">pw", "~hf:*", "+@all"])
        .await;
    let user = RedisSettings {
        username: Some("hf".into()),
        password: Some("pw".into()),
        ..primary.settings()
    };
    let (replica_settings, cluster_settings) = (replica.settings(), cluster.settings());
    let no_cluster = RedisSettings {
        url: primary.url().replace("redis://", "redis+cluster://"),
        ..primary.settings()
    };
    let (of_replica, of_cluster, of_single, of_user) = tokio::join!(
        refusal(&replica_settings),
        refusal(&cluster_settings),
        refusal(&no_cluster),
        refusal(&user)
    );
    assert!(of_replica.contains("it is a replica"), "{of_replica}");
    assert!(
        of_cluster.contains("begins with redis+cluster://"),
        "{of_cluster}"
    );
    assert!(of_single.contains("begins with redis://"), "{of_single}");
    assert!(of_user.contains("&hf:*"), "{of_user}");
}

#[tokio::test]
async fn what_another_node_puts_back_late_reaches_who_is_there() {
    let (before, after) = (Redis::start().await, Redis::start().await);
    let forwarder = Forwarder::to(before.address).await;
    let late = node(
        "late",
        Arc::new(forwarder.connect().await),
        Tuning::default(),
    )
    .await;
    let message = json!({ "event": "e", "data": 1, "id": "held-elsewhere" });
    let path = "/v1/namespaces/dropcodes/channels/c/messages";
    let (status, _, stored) = call(&late, Method::POST, path, Some(message)).await;
    assert_eq!(status, 202, "{stored}");
    // To the others it is a store that was emptied, and what comes back lies before all that they
    // have read.
    let mut pair = Pair::on(&after).await;
    pair.arrives("newer").await;
    forwarder.lead_to(after.address);
    forwarder.freeze();
    assert_eq!(pair.client.messages(1).await, ["held-elsewhere"]);
}
