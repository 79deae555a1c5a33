//! Redis gone, restarted with and without its data, hanging, full, failing over, its connections
//! cut: two nodes on a real one. Sockets stay, what was accepted arrives, and everything works
//! again within two seconds.

use std::cell::Cell;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use server::delivery::Tuning;
use server::message::Mailbox;
use server::node::Node;
use server::store::{Store as _, presence};

use crate::faulty_store::{call, node, url};
use crate::forwarder::Forwarder;
use crate::harness::{Client, Options, eventually};
use crate::redis::Redis;

const MESSAGES: &str = "/v1/namespaces/dropcodes/channels/c/messages";
const BATCH: &str = "/v1/namespaces/dropcodes/batch";
/// Within this everything works again, once Redis does; and a bit, on a busy machine.
const BACK: Duration = Duration::from_millis(2_000 + 1_000);

/// Two nodes on one Redis, and a client on the second.
pub(crate) struct Pair {
    pub(crate) a: Node,
    pub(crate) b: Node,
    key: String,
    pub(crate) client: Client,
}

impl Pair {
    pub(crate) async fn on(redis: &Redis) -> Self {
        Self::at(redis.connect().await, redis.connect().await).await
    }

    pub(crate) async fn at(store_a: server::store::Redis, store_b: server::store::Redis) -> Self {
        let a = node("a", std::sync::Arc::new(store_a), Tuning::default()).await;
        let b = node("b", std::sync::Arc::new(store_b), Tuning::default()).await;
        let body = json!({ "channel": "c", "namespaces": ["dropcodes"] });
        let (status, _, key) = call(&a, Method::POST, "/v1/keys", Some(body)).await;
        assert_eq!(status, 201, "{key}");
        let key = key["key"].as_str().unwrap().to_owned();
        let mut client = Client::connect(&url(&b), &Options::new(&key).transports(&["websocket"]));
        client.wait_for("connected").await;
        let mut pair = Self { a, b, key, client };
        pair.arrives("first").await;
        pair
    }

    /// Publishes on the first node, once; the status.
    async fn publish(&self, id: &str, deliver_in: u64) -> (u16, Value) {
        let body = json!({ "event": "e", "data": id, "id": id, "deliver_in": deliver_in });
        let (status, retry, answer) = call(&self.a, Method::POST, MESSAGES, Some(body)).await;
        assert_eq!(
            matches!(status, 429 | 503),
            retry.is_some(),
            "{status} {answer}"
        );
        (status, answer)
    }

    /// Publishes until it is accepted, and waits until the client has it and has acknowledged it.
    pub(crate) async fn arrives(&mut self, id: &str) {
        eventually(&format!("{id} is accepted"), async || {
            matches!(self.publish(id, 0).await.0, 200 | 202).then_some(())
        })
        .await;
        assert_eq!(self.client.messages(1).await, [id]);
        self.acknowledged(id).await;
    }

    async fn acknowledged(&self, id: &str) {
        eventually(&format!("{id} is acknowledged"), async || {
            let (_, _, message) =
                call(&self.a, Method::GET, &format!("{MESSAGES}/{id}"), None).await;
            (message["state"] == "acknowledged").then_some(())
        })
        .await;
    }

    /// What a client is told of an outage.
    async fn refused(&self, id: &str) {
        let start = Instant::now();
        let (status, problem) = self.publish(id, 0).await;
        assert_eq!((status, &problem["id"]), (503, &json!(id)), "{problem}");
        assert!(
            start.elapsed() < Duration::from_millis(2_500),
            "{:?}",
            start.elapsed()
        );
        let (status, _, health) = call(&self.a, Method::GET, "/healthcheck", None).await;
        assert_eq!((status, &health["status"]), (200, &json!("degraded")));
    }

    /// Nothing was lost on the way: the client was connected all along, and no message came twice.
    fn undisturbed(&self) {
        let metrics = &self.b.handler().context.metrics;
        assert_eq!((metrics.redeliveries.get(), metrics.lost.get()), (0, 0));
    }
}

#[tokio::test]
async fn a_restart_with_its_data_is_an_outage_and_no_more() {
    let mut redis = Redis::durable().await;
    let mut pair = Pair::on(&redis).await;
    assert_eq!(pair.publish("in-the-timer", 1_500).await.0, 202);
    assert_eq!(pair.publish("later", 8_000).await.0, 202);
    // Announced, and so in a timer.
    pair.arrives("before").await;
    redis.kill().await;
    pair.refused("meanwhile").await;
    assert_eq!(
        pair.client.messages(1).await,
        ["in-the-timer"],
        "timers go on"
    );
    redis.revive().await;
    let start = Instant::now();
    pair.arrives("meanwhile").await;
    assert!(start.elapsed() < BACK, "{:?}", start.elapsed());
    // What was acknowledged during the outage is known.
    pair.acknowledged("in-the-timer").await;
    assert_eq!(pair.client.messages(1).await, ["later"]);
    pair.undisturbed();
}

#[tokio::test]
async fn a_restart_without_its_data_is_made_good() {
    let mut redis = Redis::start().await;
    let mut pair = Pair::on(&redis).await;
    for (id, deliver_in) in [("soon", 4_000), ("tomorrow", 86_400_000)] {
        assert_eq!(pair.publish(id, deliver_in).await.0, 202);
    }
    redis.kill().await;
    redis.revive().await;
    eventually("what was held is put back", async || {
        let (status, _, message) =
            call(&pair.b, Method::GET, &format!("{MESSAGES}/tomorrow"), None).await;
        (status == 200).then(|| assert_eq!(message["state"], "scheduled"))
    })
    .await;
    // The key of the socket is there again: the client can come back to any node.
    let mut again = Client::connect(&url(&pair.a), &Options::new(&pair.key));
    again.wait_for("connected").await;
    assert_eq!(pair.client.messages(1).await, ["soon"]);
    assert_eq!(
        again.messages(1).await,
        ["soon"],
        "acknowledged messages do not come again"
    );
    let restored = [&pair.a, &pair.b].map(|node| node.handler().context.metrics.restored.get());
    assert!(restored.iter().sum::<u64>() >= 2, "{restored:?}");
    pair.arrives("after").await;
}

#[tokio::test]
async fn what_no_node_can_put_back_is_counted_as_lost() {
    let mut redis = Redis::start().await;
    let pair = Pair::on(&redis).await;
    // More than the 32 MiB that a node remembers of what it accepted; nobody is there to hold it
    // otherwise.
    let data = "x".repeat(16_000);
    for batch in 0..25 {
        let body = Vec::from_iter((0..100).map(|n| {
            json!({ "channel": format!("absent-{n}"), "event": "e", "data": data, "id": format!("m-{batch}"),
                    "deliver_in": 3_600_000 })
        }));
        let (status, _, answers) = call(&pair.a, Method::POST, BATCH, Some(body.into())).await;
        assert_eq!(status, 200, "{answers}");
    }
    redis.kill().await;
    redis.revive().await;
    let metrics = &pair.a.handler().context.metrics;
    let lost = eventually("what is gone is counted", async || {
        Some(metrics.lost.get()).filter(|lost| *lost > 0)
    })
    .await;
    // The node on which nobody published has lost nothing.
    assert_eq!(pair.b.handler().context.metrics.lost.get(), 0);
    let mut stored = 0;
    for n in 0..100 {
        let path = format!("/v1/namespaces/dropcodes/channels/absent-{n}/messages?limit=100");
        let (status, _, page) = call(&pair.a, Method::GET, &path, None).await;
        assert_eq!(status, 200, "{page}");
        stored += page["items"].as_array().unwrap().len() as u64;
    }
    assert_eq!(
        (stored + lost, stored > 1_900),
        (2_500, true),
        "{stored} stored, {lost} lost"
    );
}

#[tokio::test]
async fn cut_connections_are_made_anew() {
    let redis = Redis::start().await;
    let mut pair = Pair::on(&redis).await;
    for kind in ["normal", "pubsub", "normal", "pubsub"] {
        redis.ask(&["CLIENT", "KILL", "TYPE", kind]).await;
        // Some of these are announced while nobody listens.
        pair.arrives(
            &format!("{kind}-{:?}", Instant::now())
                .replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
        )
        .await;
    }
    pair.undisturbed();
}

#[tokio::test]
async fn a_hanging_redis_is_an_outage_too() {
    let redis = Redis::with(&["--enable-debug-command", "local"]).await;
    let mut pair = Pair::on(&redis).await;
    assert_eq!(pair.publish("in-the-timer", 1_000).await.0, 202);
    let hanging = tokio::spawn(async move {
        redis.ask(&["DEBUG", "SLEEP", "5"]).await;
        redis
    });
    // It hangs as soon as it has read that.
    eventually("it hangs", async || {
        (pair.publish("probe", 60_000).await.0 == 503).then_some(())
    })
    .await;
    pair.refused("meanwhile").await;
    assert_eq!(pair.client.messages(1).await, ["in-the-timer"]);
    let _redis = hanging.await.unwrap();
    let start = Instant::now();
    pair.arrives("meanwhile").await;
    assert!(start.elapsed() < BACK, "{:?}", start.elapsed());
    pair.acknowledged("in-the-timer").await;
    pair.undisturbed();
}

#[tokio::test]
async fn a_full_redis_takes_acknowledgements_and_no_messages() {
    let redis = Redis::start().await;
    let mut pair = Pair::on(&redis).await;
    assert_eq!(pair.publish("in-the-timer", 1_500).await.0, 202);
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let refused = eventually("it is refused", async || {
        let (status, problem) = pair.publish("too-much", 0).await;
        matches!(status, 429 | 503).then_some(problem)
    })
    .await;
    assert_eq!(refused["id"], "too-much");
    assert_eq!(pair.client.messages(1).await, ["in-the-timer"]);
    pair.acknowledged("in-the-timer").await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    pair.arrives("too-much").await;
    pair.undisturbed();
}

#[tokio::test]
async fn a_full_redis_knows_who_was_there_and_learns_who_came_later() {
    let redis = Redis::start().await;
    let store = redis.connect().await;
    let [early, gone, late] = ["early", "gone", "late"].map(|c| Mailbox::channel("n", c));
    let before = [(early.clone(), 2), (gone.clone(), 1)];
    store.set_presence("a", &before).await.unwrap();
    let sockets = async |mailbox: &Mailbox| presence(&store, mailbox).await.unwrap();
    assert_eq!(sockets(&gone).await, 1);
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let now = [(late.clone(), 1), (gone.clone(), 0)];
    store.set_presence("a", &now).await.unwrap();
    let name = redis::from_redis_value(redis.ask(&["KEYS", "hf:node:*"]).await);
    let [name] = &name.unwrap() as &[String; 1];
    for _ in 0..2 {
        let last = Cell::new(i64::MAX);
        eventually("the lease is renewed", async || {
            let left = redis::from_redis_value(redis.ask(&["PTTL", name]).await).unwrap();
            (last.replace(left) < left).then_some(())
        })
        .await;
    }
    assert_eq!((sockets(&early).await, sockets(&gone).await), (2, 0));
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    eventually("who came is known", async || {
        (sockets(&late).await == 1).then_some(())
    })
    .await;
    assert_eq!((sockets(&early).await, sockets(&gone).await), (2, 0));
}

#[tokio::test]
async fn a_failover_loses_nothing_that_was_confirmed() {
    let mut primary = Redis::start().await;
    let address = primary.address;
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let replica = Redis::with(&[
        "--replicaof",
        &format!("{host} {port}"),
        "--repl-diskless-sync-delay",
        "0",
    ])
    .await;
    // The primary's endpoint, as ElastiCache has one: its name leads to whichever node is the
    // primary.
    let endpoint = Forwarder::to(address).await;
    let mut pair = Pair::at(endpoint.connect().await, endpoint.connect().await).await;
    eventually("the replica is seen", async || {
        let replication = pair.publish("seen", 60_000).await;
        assert!(matches!(replication.0, 200 | 202), "{replication:?}");
        let known: Vec<u8> =
            redis::from_redis_value(replica.ask(&["GET", "hf:confirm"]).await).ok()?;
        (known == b"1").then_some(())
    })
    .await;

    // A replica that does not confirm: the message is not accepted.
    replica.signal("STOP");
    let (status, problem) = pair.publish("unconfirmed", 0).await;
    assert_eq!(
        (status, &problem["id"]),
        (503, &json!("unconfirmed")),
        "{problem}"
    );
    replica.signal("CONT");
    pair.arrives_again("unconfirmed").await;

    assert_eq!(pair.publish("confirmed", 3_000).await.0, 202);
    primary.kill().await;
    replica.ask(&["REPLICAOF", "NO", "ONE"]).await;
    endpoint.lead_to(replica.address);
    let start = Instant::now();
    pair.arrives("after").await;
    assert!(start.elapsed() < BACK, "{:?}", start.elapsed());
    assert_eq!(pair.client.messages(1).await, ["confirmed"]);
    let metrics = &pair.b.handler().context.metrics;
    assert_eq!((metrics.lost.get(), metrics.restored.get()), (0, 0));
}

impl Pair {
    /// The same for a message that was stored, but not accepted: the client may have had it
    /// already.
    async fn arrives_again(&mut self, id: &str) {
        eventually(&format!("{id} is accepted"), async || {
            matches!(self.publish(id, 0).await.0, 200 | 202).then_some(())
        })
        .await;
        assert_eq!(self.client.messages(1).await, [id]);
        self.acknowledged(id).await;
    }
}
