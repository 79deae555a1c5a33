//! An address that one node bans is refused by all that share the store.

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
