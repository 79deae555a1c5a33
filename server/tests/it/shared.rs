//! Nodes that share a Redis: whichever a message, a key or a client is on, the others know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use server::delivery::Tuning;
use server::node::Node;

use crate::faulty_store::{call, node, url};
use crate::harness::{Client, Options, Server, eventually, free_port};
use crate::redis::Redis;
use crate::settings::{refused, server};

/// A revocation reaches every node within this.
const REVOKED: Duration = Duration::from_secs(2);
/// A node that has died is counted no longer than this.
const FORGOTTEN: Duration = Duration::from_secs(5);
/// For what a busy machine may be late with.
const SLACK: Duration = Duration::from_secs(1);

pub(crate) async fn on(redis: &Redis, name: &str) -> Node {
    node(name, Arc::new(redis.connect().await), Tuning::default()).await
}

pub(crate) async fn key(node: &Node, channel: &str) -> (String, String) {
    let body = json!({ "channel": channel, "namespaces": ["dropcodes"] });
    let (status, _, key) = call(node, Method::POST, "/v1/keys", Some(body)).await;
    assert_eq!(status, 201, "{key}");
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

async fn sockets(node: &Node, channel: &str) -> u64 {
    let path = format!("/v1/namespaces/dropcodes/channels/{channel}");
    let (_, _, channel) = call(node, Method::GET, &path, None).await;
    channel["sockets"].as_u64().unwrap()
}

#[tokio::test]
async fn a_message_to_everyone_reaches_every_key_once_on_every_node() {
    let redis = Redis::start().await;
    let nodes = [on(&redis, "a").await, on(&redis, "b").await];
    let mut clients = Vec::new();
    for n in 0..6 {
        let (_, key) = key(&nodes[0], &format!("c{n}")).await;
        let options = Options::new(&key).transports(&["websocket"]);
        let mut client = Client::connect(&url(&nodes[n % 2]), &options);
        client.wait_for("connected").await;
        clients.push(client);
    }
    let path = "/v1/namespaces/dropcodes/messages";
    for id in ["one", "two"] {
        let body = json!({ "event": "e", "data": null, "id": id });
        assert_eq!(call(&nodes[1], Method::POST, path, Some(body)).await.0, 202);
    }
    for client in &mut clients {
        assert_eq!(client.messages(2).await, ["one", "two"]);
    }
    eventually("all have acknowledged", async || {
        let (_, _, message) = call(&nodes[0], Method::GET, &format!("{path}/two"), None).await;
        (message["keys"]["acknowledged"] == 6).then_some(())
    })
    .await;
    for node in &nodes {
        assert_eq!(node.handler().context.metrics.redeliveries.get(), 0);
    }
}

#[tokio::test]
async fn a_revoked_key_is_sent_away_everywhere_also_when_nobody_heard_of_it() {
    let redis = Redis::start().await;
    let (a, b) = (on(&redis, "a").await, on(&redis, "b").await);
    let ((first, first_key), (second, second_key)) = (key(&a, "c").await, key(&a, "c").await);
    let mut clients = Vec::new();
    for key in [&first_key, &second_key] {
        let mut client = Client::connect(&url(&b), &Options::new(key));
        client.wait_for("connected").await;
        clients.push(client);
    }
    let start = Instant::now();
    assert_eq!(
        call(&a, Method::DELETE, &format!("/v1/keys/{first}"), None)
            .await
            .0,
        204
    );
    assert_eq!(
        clients[0].wait_for("disconnected").await["reason"],
        "io server disconnect"
    );
    assert!(start.elapsed() < REVOKED + SLACK, "{:?}", start.elapsed());

    // What a revocation leaves in Redis, without its announcement.
    let start = Instant::now();
    redis.ask(&["HDEL", "hf:{keys}:records", &second]).await;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    redis
        .ask(&[
            "ZADD",
            "hf:{keys}:revoked",
            &now.as_millis().to_string(),
            &second,
        ])
        .await;
    assert_eq!(
        clients[1].wait_for("disconnected").await["reason"],
        "io server disconnect"
    );
    assert!(start.elapsed() < REVOKED + SLACK, "{:?}", start.elapsed());
}

#[tokio::test]
async fn presence_is_right_after_a_death_and_after_a_pause() {
    let redis = Redis::start().await;
    let here = on(&redis, "here").await;
    let url_of_store = redis.url();
    let mut servers = Vec::new();
    for name in ["dying", "pausing"] {
        servers.push(Server::start(&[("STORE", &url_of_store), ("NODE_ID", name)]).await);
    }
    let (_, key) = key(&here, "c").await;
    let options = Options::new(&key).transports(&["websocket"]);
    let mut clients: Vec<_> = servers
        .iter()
        .map(|server| Client::start(server, &options))
        .collect();
    for client in &mut clients {
        client.wait_for("connected").await;
    }
    let become_ = async |count: u64| {
        eventually(&format!("{count} sockets"), async || {
            (sockets(&here, "c").await == count).then_some(())
        })
        .await;
    };
    become_(2).await;
    let start = Instant::now();
    servers[0].signal("KILL");
    become_(1).await;
    assert!(start.elapsed() < FORGOTTEN + SLACK, "{:?}", start.elapsed());
    servers[1].signal("STOP");
    become_(0).await;
    servers[1].signal("CONT");
    become_(1).await;
}

#[tokio::test]
async fn what_a_newer_release_has_written_is_left_to_it() {
    let redis = Redis::start().await;
    let node = on(&redis, "old").await;
    let (_, key) = key(&node, "c").await;
    let mut client = Client::connect(&url(&node), &Options::new(&key));
    client.wait_for("connected").await;
    // A message in a form of tomorrow: due, and expired in a moment.
    let prefix = "hf:{dropcodes/c}:";
    let (member, soon) = ("0000000000000001new", "1");
    redis
        .ask(&["SET", &format!("{prefix}m:new"), "B tomorrow's"])
        .await;
    for set in ["due", "seq", "exp"] {
        redis
            .ask(&["ZADD", &format!("{prefix}{set}"), soon, member])
            .await;
    }
    redis
        .ask(&["ZADD", "hf:expiries", soon, "dropcodes/c"])
        .await;
    let channels = (0..16).map(|number| format!("hf:announce:{number}"));
    let channels: Vec<_> = channels.chain(["hf:published".to_owned()]).collect();
    let announcements = [
        "P dropcodes/c B tomorrow's",
        "M 12 dropcodes/c B tomorrow's 99 dropcodes/c A",
        "Z dropcodes/c x",
        "M",
        "",
    ];
    for channel in &channels {
        for announcement in announcements {
            redis.ask(&["PUBLISH", channel, announcement]).await;
        }
    }
    let path = "/v1/namespaces/dropcodes/channels/c/messages";
    let body = json!({ "event": "e", "data": 1, "id": "ours" });
    assert_eq!(call(&node, Method::POST, path, Some(body)).await.0, 202);
    assert_eq!(client.messages(1).await, ["ours"]);
    let taken = json!({ "event": "e", "data": 1, "id": "new" });
    assert_eq!(call(&node, Method::POST, path, Some(taken)).await.0, 409);
    // Its turn to expire comes, and goes by.
    eventually("the newer message was passed over", async || {
        let score: Option<f64> = redis::from_redis_value(
            redis
                .ask(&["ZSCORE", &format!("{prefix}exp"), member])
                .await,
        )
        .unwrap();
        (score.unwrap() > 1.0).then_some(())
    })
    .await;
    let kept: String =
        redis::from_redis_value(redis.ask(&["GET", &format!("{prefix}m:new")]).await).unwrap();
    assert_eq!(kept, "B tomorrow's");
    let (_, _, list): (_, _, Value) = call(&node, Method::GET, path, None).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test]
async fn a_release_that_listens_to_the_other_channels_hears_each_message() {
    const STREAM: &str = "hf:{dropcodes/c}:new";
    let redis = Redis::start().await;
    let node = on(&redis, "new").await;
    let path = "/v1/namespaces/dropcodes/channels/c/messages";
    let publish = async |id: &str| {
        let body = json!({ "event": "e", "data": 1, "id": id });
        assert_eq!(call(&node, Method::POST, path, Some(body)).await.0, 202);
    };
    publish("alone").await;
    assert_eq!(redis.ask(&["EXISTS", STREAM]).await, redis::Value::Int(0));

    let mut older = redis.pubsub().await;
    for number in 0..16 {
        let channel = format!("hf:announce:{number}");
        older.subscribe(channel).await.unwrap();
    }
    publish("mixed").await;
    let heard = older.on_message().next().await.unwrap();
    let heard: String = heard.get_payload().unwrap();
    assert!(heard.starts_with("P dropcodes/c A "), "{heard}");
    assert!(heard.contains(r#""id":"mixed""#), "{heard}");
    assert_eq!(redis.ask(&["XLEN", STREAM]).await, redis::Value::Int(1));

    drop(older);
    eventually("the older release is gone", async || {
        let heard = redis.ask(&["PUBSUB", "NUMSUB", "hf:announce:0"]).await;
        let heard: (String, u64) = redis::from_redis_value(heard).unwrap();
        (heard.1 == 1).then_some(())
    })
    .await;
    publish("again").await;
    assert_eq!(redis.ask(&["XLEN", STREAM]).await, redis::Value::Int(1));
}

#[tokio::test]
async fn credentials_are_needed_and_used() {
    let redis = Redis::start().await;
    let rights = ["~hf:*", "&hf:*", "+@all"];
    redis
        .ask(&[&["ACL", "SETUSER", "drops", "on", ">secret"][..], &rights].concat())
        .await;
    redis.ask(&["ACL", "SETUSER", "default", "off"]).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret\n").unwrap();
    let path = file.path().display().to_string();
    let started = Server::start(&[
        ("STORE", &redis.url()),
        ("STORE_USERNAME", "drops"),
        ("STORE_PASSWORD_FILE", &path),
    ])
    .await;
    started
        .publish("c", json!({ "event": "e", "data": 1 }))
        .await;
    let wrong = refused(&mut server(&[
        ("STORE", redis.url().as_str()),
        ("STORE_USERNAME", "drops"),
        ("STORE_PASSWORD", "wrong"),
    ]))
    .await;
    assert!(
        wrong.contains("STORE=redis://")
            && wrong.contains("STORE_PASSWORD")
            && !wrong.contains("wrong"),
        "{wrong}"
    );
}

#[tokio::test]
async fn a_certificate_of_nobody_that_is_trusted_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (key, certificate) = (path("key.pem"), path("cert.pem"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "1",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=CA:FALSE",
        ])
        .args(["-keyout", &key, "-out", &certificate])
        .stderr(std::process::Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let tls = free_port();
    let _redis = Redis::with(&[
        "--tls-port",
        &tls.to_string(),
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ])
    .await;
    let store = format!("rediss://localhost:{tls}");
    let doubting = refused(&mut server(&[("STORE", store.as_str())])).await;
    assert!(
        doubting.contains("STORE=rediss://localhost") && doubting.contains("certificate"),
        "{doubting}"
    );
}
