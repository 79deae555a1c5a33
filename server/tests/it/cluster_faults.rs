//! A cluster whose servers stop, die and fail over, and whose slots move, with nodes at work on it:
//! what was accepted arrives, and what is away puts off its own channels only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use server::delivery::Tuning;
use server::node::Node;
use tokio::time::{Instant, sleep_until};

use crate::cluster::Own;
use crate::faulty_store::{call, node, url};
use crate::harness::{Client, Options, eventually};
use crate::shared::key;
use testkit::cluster::PRIMARIES;

/// Longer than a publisher waits for an answer of the store.
const OVERDUE: Duration = Duration::from_secs(3);

/// Two nodes, and on the second a client for one channel of each primary.
struct Stage {
    a: Node,
    b: Node,
    /// By primary.
    channels: Vec<Channel>,
}

struct Channel {
    name: String,
    slot: u16,
    client: Client,
    sent: Vec<String>,
}

impl Stage {
    async fn on(own: &Own) -> Self {
        let store = async || Arc::new(own.connect().await);
        let a = node("a", store().await, Tuning::default()).await;
        let b = node("b", store().await, Tuning::default()).await;
        let mut of_primary = BTreeMap::new();
        for name in (0..).map(|n| format!("c{n}")) {
            // A key gets what is due from its issue on.
            let (_, key) = key(&a, &name).await;
            let (status, _) = publish(&a, &name, "first", 0).await;
            assert_eq!(status, 202);
            let (primary, slot) = own.place_of(&name).await;
            of_primary.entry(primary).or_insert((name, slot, key));
            if of_primary.len() == PRIMARIES {
                break;
            }
        }
        let mut channels = Vec::new();
        for (name, slot, key) in of_primary.into_values() {
            let options = Options::new(&key).transports(&["websocket"]);
            let mut client = Client::connect(&url(&b), &options);
            client.wait_for("connected").await;
            assert_eq!(client.messages(1).await, ["first"]);
            channels.push(Channel {
                name,
                slot,
                client,
                sent: Vec::new(),
            });
        }
        Self { a, b, channels }
    }

    /// Publishes to a channel until it is accepted.
    async fn send(&mut self, channel: usize, id: &str) {
        let channel = &mut self.channels[channel];
        eventually(&format!("{id} is accepted"), async || {
            let (status, _) = publish(&self.a, &channel.name, id, 0).await;
            matches!(status, 200 | 202).then_some(())
        })
        .await;
        channel.sent.push(id.to_owned());
    }

    /// Every message has arrived, each once, and is known to have been acknowledged.
    async fn all_arrive(&mut self) {
        for channel in &mut self.channels {
            let mut got = channel.client.messages(channel.sent.len()).await;
            let mut sent = std::mem::take(&mut channel.sent);
            got.sort();
            sent.sort();
            assert_eq!(got, sent, "{}", channel.name);
            for id in sent {
                let path = path(&channel.name);
                eventually(&format!("{id} is acknowledged"), async || {
                    let path = format!("{path}/{id}");
                    let (_, _, message) = call(&self.a, Method::GET, &path, None).await;
                    (message["state"] == "acknowledged").then_some(())
                })
                .await;
            }
        }
        for node in [&self.a, &self.b] {
            assert_eq!(node.handler().context.metrics.lost.get(), 0);
        }
    }

    async fn health(&self) -> Value {
        call(&self.a, Method::GET, "/healthcheck", None).await.2
    }
}

fn path(channel: &str) -> String {
    format!("/v1/namespaces/dropcodes/channels/{channel}/messages")
}

async fn publish(node: &Node, channel: &str, id: &str, deliver_in: u64) -> (u16, Value) {
    let body = json!({ "event": "e", "data": id, "id": id, "deliver_in": deliver_in });
    let (status, _, answer) = call(node, Method::POST, &path(channel), Some(body)).await;
    (status, answer)
}

#[tokio::test]
async fn a_primary_that_is_away_puts_off_its_own_channels_only() {
    let own = Own::start(false).await;
    let mut stage = Stage::on(&own).await;
    // Accepted before, and shown meanwhile: its receipts wait for their primary.
    let away = stage.channels[1].name.clone();
    assert_eq!(publish(&stage.a, &away, "in-the-timer", 1_500).await.0, 202);
    stage.channels[1].sent.push("in-the-timer".into());
    own.signal(1, "STOP");
    // It is on its way to the primary, which would do it when it goes on.
    let asked = Instant::now();
    assert_eq!(publish(&stage.a, &away, "given-up", 0).await.0, 503);
    let name = own.cluster.servers[1].address.to_string();
    eventually("it is noticed", async || {
        let health = stage.health().await;
        health["reason"].as_str()?.contains(&name).then_some(())
    })
    .await;
    assert_eq!(stage.health().await["status"], "degraded");
    for n in 0..10 {
        for channel in [0, 2] {
            let (id, name) = (format!("m{n}"), stage.channels[channel].name.clone());
            // At the first try.
            assert_eq!(publish(&stage.a, &name, &id, 0).await.0, 202);
            let client = &mut stage.channels[channel].client;
            assert_eq!(client.messages(1).await, [id]);
        }
        assert_eq!(publish(&stage.a, &away, "meanwhile", 0).await.0, 503);
    }
    for channel in [0, 2] {
        let path = format!("{}/m9", path(&stage.channels[channel].name));
        eventually("receipts are stored", async || {
            let (_, _, message) = call(&stage.b, Method::GET, &path, None).await;
            (message["state"] == "acknowledged").then_some(())
        })
        .await;
    }
    sleep_until(asked + OVERDUE).await;
    own.signal(1, "CONT");
    stage.send(1, "meanwhile").await;
    stage.all_arrive().await;
    let given_up = format!("{}/given-up", path(&away));
    let (status, _, answer) = call(&stage.b, Method::GET, &given_up, None).await;
    assert_eq!(status, 404, "{answer}");
    let metrics = &stage.b.handler().context.metrics;
    assert_eq!(metrics.redeliveries.get(), 0);
    eventually("it is well again", async || {
        (stage.health().await["status"] == "ok").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_slot_that_moves_pauses_its_channels_and_loses_nothing() {
    let own = Own::start(false).await;
    let mut stage = Stage::on(&own).await;
    let (name, slot) = (stage.channels[0].name.clone(), stage.channels[0].slot);
    let cluster = &own.cluster;
    for n in 0..20 {
        stage.send(0, &format!("before-{n}")).await;
    }
    assert_eq!(publish(&stage.a, &name, "in-the-timer", 2_000).await.0, 202);
    stage.channels[0].sent.push("in-the-timer".into());
    cluster.begin_move(slot, 0, 1).await.unwrap();
    // Neither server takes it: nothing is half done.
    assert_eq!(publish(&stage.a, &name, "meanwhile", 0).await.0, 503);
    cluster.move_some(slot, 0, 1).await.unwrap();
    assert_eq!(publish(&stage.a, &name, "meanwhile", 0).await.0, 503);
    stage.send(2, "elsewhere").await;
    while cluster.move_some(slot, 0, 1).await.unwrap() > 0 {}
    cluster.end_move(slot, 0, 1).await.unwrap();
    stage.send(0, "meanwhile").await;
    // There and back, under load.
    for (n, (from, to)) in [(1, 2), (2, 0), (0, 1), (1, 0)].into_iter().enumerate() {
        let moving = cluster.move_slot(slot, from, to);
        let sending = async {
            for m in 0..10 {
                stage.send(0, &format!("move-{n}-{m}")).await;
            }
        };
        let (moved, ()) = tokio::join!(moving, sending);
        moved.unwrap();
    }
    stage.all_arrive().await;
}

#[tokio::test]
async fn a_primary_that_dies_is_replaced_and_nothing_is_lost() {
    let mut own = Own::start(true).await;
    let mut stage = Stage::on(&own).await;
    for channel in 0..PRIMARIES {
        stage.send(channel, "before").await;
        let name = stage.channels[channel].name.clone();
        assert_eq!(publish(&stage.a, &name, "in-the-timer", 6_000).await.0, 202);
        stage.channels[channel].sent.push("in-the-timer".into());
    }
    own.cluster.servers[0].kill().await.unwrap();
    for n in 0..10 {
        for channel in [1, 2, 0] {
            stage.send(channel, &format!("m{n}")).await;
        }
    }
    stage.all_arrive().await;
    // The one that has died comes back as a replica, and nobody is disturbed.
    own.cluster.revive(0).await.unwrap();
    let up = "master_link_status:up";
    let asked = ["INFO", "replication"];
    own.cluster.until_says(0, &asked, up).await.unwrap();
    stage.send(0, "after").await;
    stage.all_arrive().await;
    let metrics = &stage.b.handler().context.metrics;
    assert_eq!(metrics.restored.get(), 0);
}
