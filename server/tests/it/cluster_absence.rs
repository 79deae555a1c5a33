//! A cluster with a primary that is dead: whose channel is elsewhere connects, and is answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use server::delivery::Tuning;
use server::node::Node;
use testkit::cluster::PRIMARIES;

use crate::cluster::Own;
use crate::faulty_store::{call, node, url};
use crate::harness::{Client, Options, eventually};
use crate::shared::key;

/// The server that dies: it has the first part.
const DEAD: usize = 0;
/// Channels of each primary.
const CHANNELS: usize = 4;
/// How long a client is watched that must not get in: some tries of its library.
const TRIES: Duration = Duration::from_secs(3);

async fn on(own: &Own, name: &str) -> Node {
    node(name, Arc::new(own.connect().await), Tuning::default()).await
}

fn path(channel: &str) -> String {
    format!("/v1/namespaces/dropcodes/channels/{channel}")
}

/// Some channels of each primary.
async fn channels(own: &Own, node: &Node) -> BTreeMap<usize, Vec<String>> {
    let mut of_primary: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for name in (0..).map(|n| format!("c{n}")) {
        let messages = format!("{}/messages", path(&name));
        // Nobody gets it here.
        let body = json!({ "event": "e", "data": 1, "deliver_in": 3_600_000 });
        let (status, ..) = call(node, Method::POST, &messages, Some(body)).await;
        assert_eq!(status, 202);
        let (primary, _) = own.place_of(&name).await;
        let names = of_primary.entry(primary).or_default();
        if names.len() < CHANNELS {
            names.push(name);
        }
        let all: usize = of_primary.values().map(Vec::len).sum();
        if all == PRIMARIES * CHANNELS {
            break;
        }
    }
    of_primary
}

async fn notices_the_death(own: &Own, nodes: &[&Node]) {
    let name = own.cluster.servers[DEAD].address.to_string();
    for node in nodes {
        eventually("the death is noticed", async || {
            let (_, _, health) = call(node, Method::GET, "/healthcheck", None).await;
            health["reason"].as_str()?.contains(&name).then_some(())
        })
        .await;
    }
}

fn client(node: &Node, key: &str) -> Client {
    Client::connect(&url(node), &Options::new(key).transports(&["websocket"]))
}

async fn has_sockets(node: &Node, channel: &str, number: u64) {
    eventually(&format!("{channel} has {number} sockets"), async || {
        let (status, _, view) = call(node, Method::GET, &path(channel), None).await;
        (status == 200 && view["sockets"] == number).then_some(())
    })
    .await;
}

async fn gets(node: &Node, client: &mut Client, channel: &str, id: &str) {
    let messages = format!("{}/messages", path(channel));
    let body = json!({ "event": "e", "data": id, "id": id });
    let (status, _, answer) = call(node, Method::POST, &messages, Some(body)).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(client.messages(1).await, [id]);
}

#[tokio::test]
async fn whose_channel_is_there_connects_and_is_seen() {
    let mut own = Own::start(false).await;
    let (a, b) = (on(&own, "a").await, on(&own, "b").await);
    let channels = channels(&own, &a).await;
    let mut keys = Vec::new();
    for (primary, names) in &channels {
        for name in names.iter().filter(|_| *primary != DEAD) {
            keys.push((name, key(&a, name).await.1));
        }
    }
    own.cluster.servers[DEAD].kill().await.unwrap();
    notices_the_death(&own, &[&a, &b]).await;
    let mut clients = Vec::new();
    // The second node has seen none of these keys.
    for (name, key) in &keys {
        clients.push((*name, client(&b, key)));
    }
    for (name, client) in &mut clients {
        client.wait_for("connected").await;
        gets(&a, client, name, "meanwhile").await;
        has_sockets(&a, name, 1).await;
    }
    // A key of now.
    let channel = &channels[&1][0];
    let (id, new) = key(&a, channel).await;
    let mut late = client(&b, &new);
    late.wait_for("connected").await;
    has_sockets(&a, channel, 2).await;
    let (status, _, view) = call(&a, Method::GET, &format!("/v1/keys/{id}"), None).await;
    assert_eq!((status, &view["usage"]["sockets"]), (200, &json!(1)));
    // Nobody is in this namespace. Other keys of the channel may be on the dead one.
    let lonely = path(channel).replace("dropcodes", "donations") + "/messages";
    let body = json!({ "event": "e", "data": 1, "id": "lonely" });
    assert_eq!(call(&a, Method::POST, &lonely, Some(body)).await.0, 202);
    let lonely = format!("{lonely}/lonely");
    let (status, _, message) = call(&a, Method::GET, &lonely, None).await;
    assert_eq!((status, &message["why"]["code"]), (200, &json!("unknown")));
    // What the dead one's channels have is known again soon after it is back.
    let away = &channels[&DEAD][0];
    assert_eq!(call(&a, Method::GET, &path(away), None).await.0, 503);
    own.cluster.revive(DEAD).await.unwrap();
    let key = eventually("a key is issued", async || {
        let body = json!({ "channel": away, "namespaces": ["dropcodes"] });
        let (status, _, key) = call(&a, Method::POST, "/v1/keys", Some(body)).await;
        (status == 201).then(|| key["key"].as_str().unwrap().to_owned())
    })
    .await;
    let mut client = client(&b, &key);
    client.wait_for("connected").await;
    has_sockets(&a, away, 1).await;
}

/// Issues a key with an id that lies on the server that dies.
async fn chosen_key(own: &Own, node: &Node, channel: &str) -> (String, String) {
    loop {
        let id = ulid::Ulid::generate().to_string();
        let body = json!({ "id": id, "channel": channel, "namespaces": ["dropcodes"] });
        let (status, _, key) = call(node, Method::POST, "/v1/keys", Some(body)).await;
        assert_eq!(status, 201, "{key}");
        let records = ["KEYS", "hf:*:keys:records"];
        let records: Vec<String> = own.cluster.ask(DEAD, &records).await.unwrap();
        for name in records {
            let exists: u8 = own
                .cluster
                .ask(DEAD, &["HEXISTS", &name, &id])
                .await
                .unwrap();
            if exists == 1 {
                return (id, key["key"].as_str().unwrap().to_owned());
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_lies_on_the_dead_one_opens_where_it_is_known() {
    let mut own = Own::start(false).await;
    let (a, b) = (on(&own, "a").await, on(&own, "b").await);
    let channels = channels(&own, &a).await;
    let channel = &channels[&1][0];
    let (id, chosen) = chosen_key(&own, &a, channel).await;
    let (_, revoked) = {
        let (id, key) = chosen_key(&own, &a, channel).await;
        let mut client = client(&a, &key);
        client.wait_for("connected").await;
        let revoke = format!("/v1/keys/{id}");
        assert_eq!(call(&b, Method::DELETE, &revoke, None).await.0, 204);
        client.wait_for("disconnected").await;
        (id, key)
    };
    own.cluster.servers[DEAD].kill().await.unwrap();
    notices_the_death(&own, &[&a, &b]).await;
    // It was issued here.
    let mut here = client(&a, &chosen);
    here.wait_for("connected").await;
    gets(&b, &mut here, channel, "meanwhile").await;
    // What was revoked opens nothing, and what is not known may be right.
    let (mut gone, mut unknown) = (client(&a, &revoked), client(&b, &chosen));
    gone.stays_without("connected", TRIES).await;
    unknown.stays_without("connected", TRIES).await;
    let revoke = format!("/v1/keys/{id}");
    assert_eq!(call(&a, Method::DELETE, &revoke, None).await.0, 503);
    own.cluster.revive(DEAD).await.unwrap();
    unknown.wait_for("connected").await;
    eventually("the key is revoked", async || {
        (call(&a, Method::DELETE, &revoke, None).await.0 == 204).then_some(())
    })
    .await;
    here.wait_for("disconnected").await;
}

#[tokio::test]
async fn of_a_batch_what_is_there_is_accepted() {
    let mut own = Own::start(false).await;
    let a = on(&own, "a").await;
    let channels = channels(&own, &a).await;
    own.cluster.servers[DEAD].kill().await.unwrap();
    notices_the_death(&own, &[&a]).await;
    let names = channels.values().map(|names| &names[0]);
    let batch: Vec<Value> = names
        .map(|name| json!({ "channel": name, "id": "m", "event": "e", "data": 1 }))
        .collect();
    let path = "/v1/namespaces/dropcodes/batch";
    let (status, _, answers) = call(&a, Method::POST, path, Some(json!(batch))).await;
    assert_eq!(status, 200);
    let statuses = |answers: &Value| {
        let answers = answers.as_array().unwrap().iter();
        answers
            .map(|answer| answer["status"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(&answers), [503, 202, 202], "{answers}");
    assert_eq!(answers[0]["error"]["id"], "m");
    own.cluster.revive(DEAD).await.unwrap();
    eventually("all of it is accepted", async || {
        let (_, _, answers) = call(&a, Method::POST, path, Some(json!(batch))).await;
        (statuses(&answers) == [202, 200, 200]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_part_that_is_full_of_keys_leaves_new_ones_to_others() {
    let shared = crate::cluster::shared().await;
    let a = node("a", Arc::new(shared.connect().await), Tuning::default()).await;
    let (first, _) = key(&a, "c").await;
    let of_part = shared.ask("KEYS", &["hf:*:keys:records"]).await;
    let [of_part] = &of_part[..] else {
        panic!("one key is in one part: {of_part:?}")
    };
    let (second, _) = key(&a, "c").await;
    let fill = "for n = 1, 100000 / 18 do redis.call('HSET', KEYS[1], n, '{}') end return {}";
    shared.ask("EVAL", &[fill, "1", of_part]).await;
    let (third, opens) = key(&a, "c").await;
    let mut client = client(&a, &opens);
    client.wait_for("connected").await;
    let (_, _, keys) = call(&a, Method::GET, "/v1/keys?channel=c", None).await;
    let ids = keys["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["id"]);
    assert_eq!(ids.collect::<Vec<_>>(), [&first, &second, &third]);
}
