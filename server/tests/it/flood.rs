//! Clients that send more than anyone has reason to, or have answers pile up: each is cut, costs
//! little memory until then, and harms nobody else.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Client, Options, PATIENCE, Server, eventually};
use crate::raw::{Polling, WebSocket};

const NOISY: &str = r#"holdfast_refusals_total{reason="noisy_client"}"#;
const LEFT_NOISY: &str = r#"holdfast_disconnects_total{reason="noisy_client"}"#;
const ATTACKERS: usize = 20;
/// What the attackers together may cost, in KiB.
const MOST_MEMORY: u64 = 16 * 1024;

/// A frame of a client: `first` is the final bit and the opcode.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length <= 125, "a short frame");
    // Masked with zeros, which leaves the payload as it is.
    let mut frame = vec![first, 0x80 | length, 0, 0, 0, 0];
    frame.extend(payload);
    frame
}

/// A WebSocket without a key, past its handshake.
async fn websocket(server: SocketAddr) -> TcpStream {
    upgraded(server, "").await
}

/// A WebSocket whose handshake has these headers, each with its end of line. A node that is behind,
/// on a busy machine, asks who is new to come again.
async fn upgraded(server: SocketAddr, headers: &str) -> TcpStream {
    eventually("the node is not behind", async || {
        let (stream, answer) = handshake(server, headers).await;
        let is_in = answer.starts_with("HTTP/1.1 101");
        assert!(is_in || answer.starts_with("HTTP/1.1 503"), "{answer}");
        is_in.then_some(stream)
    })
    .await
}

/// A connection, and the head of the answer to its handshake.
async fn handshake(server: SocketAddr, headers: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let head = "GET /websockets/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
                upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: \
                dGhlIHNhbXBsZSBub25jZQ==\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(headers.as_bytes()).await.unwrap();
    stream.write_all(b"\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(answer).unwrap())
}

/// Sends `frames` again and again until the server has ended the connection.
async fn send_without_end(mut to: impl AsyncWriteExt + Unpin, frames: Vec<u8>) {
    while to.write_all(&frames).await.is_ok() {}
}

/// Attacks with `attack` on every connection at once; the server must end them all, and grow by
/// little meanwhile.
async fn attack_for_memory<A: Future<Output = ()> + Send + 'static>(
    attack: impl Fn(TcpStream) -> A,
) {
    // Nothing but the attack ends them.
    let server = Server::start(&[("JOIN_TIMEOUT", "10m"), ("LOG_LEVEL", "server=info")]).await;
    let (_, key) = server.key("c").await;
    let mut witness = WebSocket::join(&server, &key).await;
    let connections = join_all((0..ATTACKERS).map(|_| websocket(server.address))).await;
    let before = server.memory();
    let attacks: Vec<_> = connections
        .into_iter()
        .map(|connection| tokio::spawn(attack(connection)))
        .collect();
    let most = AtomicU64::new(before);
    eventually("every attacker is cut", async || {
        most.fetch_max(server.memory(), Ordering::Relaxed);
        (server.metric(NOISY).await >= ATTACKERS as f64).then_some(())
    })
    .await;
    let most = most.into_inner();
    println!("{before} KiB before, {most} KiB at most");
    assert!(most < before + MOST_MEMORY, "from {before} to {most} KiB");
    for attack in attacks {
        timeout(PATIENCE, attack).await.unwrap().unwrap();
    }
    let body = json!({ "event": "e", "data": 1, "id": "m" });
    server.publish("c", body).await;
    assert!(witness.next().await.unwrap().contains("\"id\":\"m\""));
    eventually("their connections are closed", async || {
        (server.metric("holdfast_sessions").await == 1.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn pings_whose_pongs_nobody_reads_cost_no_memory() {
    let pings = frame(0x89, &[b'x'; 125]).repeat(500);
    attack_for_memory(move |connection| send_without_end(connection, pings.clone())).await;
}

#[tokio::test]
async fn pings_whose_pongs_are_read_slowly_cost_no_memory() {
    let pings = frame(0x89, &[b'x'; 125]).repeat(500);
    attack_for_memory(move |connection| {
        let pings = pings.clone();
        async move {
            let (mut reads, writes) = connection.into_split();
            tokio::spawn(async move {
                let mut buffer = [0; 2048];
                while reads.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
            send_without_end(writes, pings).await;
        }
    })
    .await;
}

#[tokio::test]
async fn empty_fragments_cost_no_memory() {
    let fragments = frame(0x00, b"").repeat(1000);
    attack_for_memory(move |mut connection| {
        let fragments = fragments.clone();
        async move {
            let _ = connection.write_all(&frame(0x01, b"4")).await;
            send_without_end(connection, fragments).await;
        }
    })
    .await;
}

/// What a client with a key may send, but not without end.
#[tokio::test]
async fn noise_of_every_kind_ends_the_session() {
    let server = Server::start(&[]).await;
    let packets = [
        // The engine's pongs.
        "3",
        // The acknowledgement of one message, again and again.
        r#"43/dropcodes,1["m"]"#,
        // Of nothing.
        r#"43/dropcodes,9["m"]"#,
        // Joins that are refused, or have been answered.
        "40/nowhere,",
        "40/dropcodes,{}",
        "40",
        // Leaving what was never joined.
        "41/donations,",
        r#"42/dropcodes,["hello"]"#,
        // What breaks the protocol: a client's ping is of protocol 3.
        "4z",
        "2",
    ];
    for (count, packet) in (1..).zip(packets) {
        let (_, key) = server.key(&format!("c{count}")).await;
        let message = json!({ "event": "e", "data": 1, "id": "m" });
        server.publish(&format!("c{count}"), message).await;
        let mut socket = WebSocket::join(&server, &key).await;
        assert!(socket.next().await.unwrap().contains("\"id\":\"m\""));
        let flood = async {
            loop {
                socket.send(packet).await;
                if socket.has_ended() {
                    break;
                }
            }
        };
        timeout(PATIENCE, flood)
            .await
            .unwrap_or_else(|_| panic!("{packet} may go on for ever"));
    }
    // All but those that break the protocol.
    let noisy = (packets.len() - 2) as f64;
    eventually("each is counted", async || {
        (server.metric(LEFT_NOISY).await == noisy).then_some(())
    })
    .await;
    assert!(server.metric(NOISY).await >= noisy);
}

#[tokio::test]
async fn noise_over_polling_ends_the_session() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let session = Polling::join(&server, &key).await;
    let flood = async {
        loop {
            let status = session.post("3".repeat(1000)).await.status();
            if status == 400 || status == 429 {
                break;
            }
        }
    };
    timeout(PATIENCE, flood).await.unwrap();
    let session = Polling::join(&server, &key).await;
    let flood = async { while session.post("3\x1e3").await.status() == 200 {} };
    timeout(PATIENCE, flood).await.unwrap();
    eventually("it is counted", async || {
        (server.metric(NOISY).await >= 1.0 && server.metric("holdfast_sessions").await == 0.0)
            .then_some(())
    })
    .await;
}

/// Thousands of messages are thousands of acknowledgements: no noise.
#[tokio::test]
async fn who_acknowledges_many_messages_is_not_cut() {
    const MESSAGES: usize = 1500;
    let server = Server::start(&[("LOG_LEVEL", "server=info")]).await;
    join_all(["websocket", "polling"].map(async |transport| {
        let (_, key) = server.key(transport).await;
        for batch in 0..MESSAGES / 100 {
            let messages: Vec<_> = (0..100)
                .map(|n| json!({ "channel": transport, "event": "e", "data": n, "id": format!("{batch}-{n}") }))
                .collect();
            let path = "/v1/namespaces/dropcodes/batch";
            let answer = server
                .call(reqwest::Method::POST, path, Some(json!(messages)))
                .await;
            assert_eq!(answer.0, 200, "{}", answer.1);
        }
        let options = Options::new(&key).transports(&[transport]);
        let mut client = Client::start(&server, &options);
        let mut left = MESSAGES;
        while left > 0 {
            let event = client.next().await;
            assert_ne!(event["type"], "disconnected", "{transport}: {left} left");
            left -= usize::from(event["type"] == "message");
        }
    }))
    .await;
    assert_eq!(server.metric(NOISY).await, 0.0);
}

/// A minute later the node has about what it had before, though thousands were connected.
#[tokio::test]
async fn memory_goes_back_after_a_flood_of_connections() {
    let limits = [
        ("CONNECTIONS_PER_ADDRESS", "10000"),
        ("HANDSHAKES_PER_ADDRESS", "100000"),
        ("MAX_UNJOINED", "10000"),
        ("SOCKETS_PER_KEY", "10000"),
        ("JOINS_PER_KEY", "100000"),
        ("JOIN_TIMEOUT", "10m"),
    ];
    let server = Server::start(&limits).await;
    let (_, key) = server.key("c").await;
    let key = format!("authorization: ApiKey {key}\r\n");
    let before = server.memory();
    let flood = join_all((0..3_000).map(|_| upgraded(server.address, &key))).await;
    let with = server.memory();
    let taken = with - before;
    assert!(taken > 10_240, "{before} KiB, {with} KiB with the flood");
    drop(flood);
    eventually("the memory goes back", async || {
        (server.memory() * 5 < before * 6 || server.memory() < before + 4_096).then_some(())
    })
    .await;
}
