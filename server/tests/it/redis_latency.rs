//! A Redis that is far away: each answer takes its time. Two nodes start on it, and a message that
//! one of them takes reaches a client of the other.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::harness::{Client, Options, Server};
use crate::redis::Redis;

/// Passes on what comes, each byte as late as the first.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, one_way: Duration) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let reading = async move {
        let mut buffer = vec![0; 65_536];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let part = (Instant::now() + one_way, buffer[..read].to_vec());
            if sender.send(part).await.is_err() {
                break;
            }
        }
    };
    let writing = async move {
        while let Some((at, part)) = receiver.recv().await {
            sleep_until(at).await;
            if to.write_all(&part).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(reading, writing);
}

/// An address from which `target` is far away.
async fn far_from(target: SocketAddr, one_way: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((inbound, _)) = listener.accept().await {
            let outbound = TcpStream::connect(target).await.unwrap();
            let (from_node, to_node) = inbound.into_split();
            let (from_redis, to_redis) = outbound.into_split();
            tokio::spawn(pass_on(from_node, to_redis, one_way));
            tokio::spawn(pass_on(from_redis, to_node, one_way));
        }
    });
    address
}

/// Two nodes start on a store that is far away. A client of the other one gets what is due soon
/// and what is due later, though announcements are cut off again and again until then.
async fn deliver_from_afar(round_trip: Duration) {
    let redis = Redis::start().await;
    let store = format!("redis://{}", far_from(redis.address, round_trip / 2).await);
    let near = Server::start(&[("STORE", &store)]).await;
    let other = Server::start(&[("STORE", &store)]).await;
    let (_, key) = near.key("c").await;
    let options = Options::new(&key).transports(&["websocket"]);
    let mut client = Client::start(&other, &options);
    client.wait_for("connected").await;
    let publish = async |id: &str, deliver_in: u64| {
        let body = json!({ "event": "e", "data": null, "id": id, "deliver_in": deliver_in });
        near.publish("c", body).await;
    };
    for id in ["one", "two"] {
        publish(id, 0).await;
    }
    assert_eq!(client.messages(2).await, ["one", "two"]);
    // Nodes look at a mailbox before a message is due: these look while they are interrupted.
    let mut wanted = HashSet::new();
    for number in 0..40 {
        let id = format!("later-{number}");
        publish(&id, 2000 + 100 * number).await;
        wanted.insert(id);
        let cut = redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        assert!(matches!(cut, redis::Value::Int(_)), "{cut:?}");
    }
    while !wanted.is_empty() {
        for id in client.messages(1).await {
            wanted.remove(&id);
        }
    }
}

#[tokio::test]
async fn a_store_1_ms_away() {
    deliver_from_afar(Duration::from_millis(1)).await;
}

#[tokio::test]
async fn a_store_70_ms_away() {
    deliver_from_afar(Duration::from_millis(70)).await;
}

#[tokio::test]
async fn a_store_200_ms_away() {
    deliver_from_afar(Duration::from_millis(200)).await;
}
