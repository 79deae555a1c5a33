//! An address that one node bans is refused by all that share the store.

use serde_json::Value;

use crate::harness::{BACKEND_KEY, Server, eventually};
use crate::redis::Redis;

const SETTINGS: [(&str, &str); 2] = [("FAILED_KEYS_PER_ADDRESS", "3"), ("TRUSTED_PROXIES", "1")];

async fn node(redis: &Redis) -> Server {
    let store = redis.url();
    Server::start(&[&SETTINGS[..], &[("STORE", store.as_str())]].concat()).await
}

/// A backend behind the proxy asks for keys; the status.
async fn ask(server: &Server, address: &str, key: &str) -> u16 {
    let url = format!("http://{}/v1/keys", server.address);
    let request = reqwest::Client::new()
        .get(url)
        .header("x-forwarded-for", address)
        .header("authorization", format!("ApiKey {key}"));
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_ban_holds_on_every_node() {
    let redis = Redis::start().await;
    let (one, other) = (node(&redis).await, node(&redis).await);
    let (attacker, neighbour) = ("203.0.113.9", "203.0.113.10");
    eventually("it is banned where it tries", async || {
        (ask(&one, attacker, "wrong").await == 429).then_some(())
    })
    .await;
    eventually("it is banned elsewhere", async || {
        (other.metric("holdfast_banned_addresses").await == 1.0).then_some(())
    })
    .await;
    assert_eq!(ask(&other, attacker, "wrong").await, 429);
    assert_eq!(
        ask(&other, attacker, BACKEND_KEY).await,
        200,
        "who shows a key passes"
    );
    assert_eq!(ask(&other, neighbour, "wrong").await, 401);
    assert_eq!(
        other.metric("holdfast_bans_total").await,
        0.0,
        "it is not its own"
    );
}

#[tokio::test]
async fn a_forged_ban_is_not_believed() {
    let redis = Redis::start().await;
    let server = node(&redis).await;
    let victim = "203.0.113.9";
    let seal = "0".repeat(32);
    let forged = format!("N {victim} 99999999999999 {seal}");
    redis.ask(&["PUBLISH", "hf:announce:0", &forged]).await;
    eventually("it is counted", async || {
        let unproved = server.metric("holdfast_announcements_unproved_total").await;
        (unproved == 1.0).then_some(())
    })
    .await;
    assert_eq!(ask(&server, victim, "wrong").await, 401);
}

#[tokio::test]
async fn a_backend_is_told_who_is_refused_and_until_when_who_is_banned() {
    let server = Server::start(&SETTINGS).await;
    let (attacker, slow) = ("203.0.113.9", "198.51.100.1");
    assert_eq!(ask(&server, slow, "wrong").await, 401);
    eventually("the attacker is banned", async || {
        (ask(&server, attacker, "wrong").await == 429).then_some(())
    })
    .await;
    let url = format!("http://{}/v1/refusals", server.address);
    let request = reqwest::Client::new()
        .get(url)
        .header("authorization", format!("ApiKey {BACKEND_KEY}"));
    let told: Value = request.send().await.unwrap().json().await.unwrap();
    let counts: Vec<_> = told["refused"].as_array().unwrap().iter().collect();
    let count = |reason: &str, network: &str| {
        let of = |one: &&&Value| one["reason"] == reason && one["network"] == network;
        counts.iter().find(of).and_then(|one| one["count"].as_u64())
    };
    assert_eq!(
        count("invalid_backend_key", "198.51.100.0/24"),
        Some(1),
        "{told}"
    );
    // As many as it may try, and the one that was too much; the next was refused for the ban.
    assert_eq!(
        count("invalid_backend_key", "203.0.113.0/24"),
        Some(4),
        "{told}"
    );
    assert_eq!(count("banned", "203.0.113.0/24"), Some(1), "{told}");
    let banned = told["banned"].as_array().unwrap();
    assert_eq!(
        (banned.len(), &banned[0]["network"], &banned[0]["addresses"]),
        (1, &"203.0.113.0/24".into(), &1.into())
    );
    let until: jiff::Timestamp = banned[0]["until"].as_str().unwrap().parse().unwrap();
    let left = until.duration_since(jiff::Timestamp::now()).as_secs();
    assert!(left <= 10, "a first ban is of ten seconds: {told}");
    assert!(!told.to_string().contains(attacker), "{told}");
}
