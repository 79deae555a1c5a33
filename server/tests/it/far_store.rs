//! A Redis that is far away: each answer takes 200 ms more. Two nodes start on it, and a message
//! that one of them takes reaches a client of the other.

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

/// From one end to the other.
const ONE_WAY: Duration = Duration::from_millis(100);

/// Passes on what comes, each byte as late as the first.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let reading = async move {
        let mut buffer = vec![0; 65_536];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let part = (Instant::now() + ONE_WAY, buffer[..read].to_vec());
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
async fn far_from(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((inbound, _)) = listener.accept().await {
            let outbound = TcpStream::connect(target).await.unwrap();
            let (from_node, to_node) = inbound.into_split();
            let (from_redis, to_redis) = outbound.into_split();
            tokio::spawn(pass_on(from_node, to_redis));
            tokio::spawn(pass_on(from_redis, to_node));
        }
    });
    address
}

#[tokio::test]
async fn nodes_start_and_deliver_on_a_store_200_ms_away() {
    let redis = Redis::start().await;
    let store = format!("redis://{}", far_from(redis.address).await);
    let near = Server::start(&[("STORE", &store)]).await;
    let other = Server::start(&[("STORE", &store)]).await;
    let (_, key) = near.key("c").await;
    let options = Options::new(&key).transports(&["websocket"]);
    let mut client = Client::start(&other, &options);
    client.wait_for("connected").await;
    for id in ["one", "two"] {
        let body = json!({ "event": "e", "data": null, "id": id });
        near.publish("c", body).await;
    }
    assert_eq!(client.messages(2).await, ["one", "two"]);
}
