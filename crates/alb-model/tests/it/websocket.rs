//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html#listener-configuration>:
//! "You can upgrade an existing HTTP/1.1 connection into a WebSocket"; after that, bytes pass as
//! they are.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alb_model::{Cause, Config, Event, Group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use testkit::backend::{BOUND, get, raw, read_head};
use testkit::balancer::{Stack, config, group};
use testkit::stall::unless_stalled;

const IDLE: Duration = Duration::from_millis(400);
const ASK: &[u8] = b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A target that grants an upgrade, then sends back every byte. Its first byte comes with the head.
pub(crate) async fn echo_upgrade(mut tcp: TcpStream, head: String) {
    let head = head.to_ascii_lowercase();
    if !head.contains("upgrade: websocket") || !head.contains("connection: upgrade") {
        let _ = tcp
            .write_all(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")
            .await;
        return;
    }
    let granted =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
        sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n!";
    tcp.write_all(granted).await.unwrap();
    let (mut reader, mut writer) = tcp.split();
    let _ = tokio::io::copy(&mut reader, &mut writer).await;
}

/// An upgraded connection through the balancer, its first byte read.
pub(crate) async fn open(address: SocketAddr) -> TcpStream {
    open_with(address).await.0
}

async fn open_with(address: SocketAddr) -> (TcpStream, String) {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(ASK).await.unwrap();
    let head = timeout(BOUND, read_head(&mut tcp)).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(timeout(BOUND, tcp.read_u8()).await.unwrap().unwrap(), b'!');
    (tcp, head)
}

#[tokio::test]
async fn bytes_pass_both_ways() {
    let target = raw(echo_upgrade).await;
    let stack = Stack::start(config(group()), &[target]).await;
    let mut socket = open(stack.address).await;
    // More than any buffer on the way, so that both directions have to wait for each other.
    let sent: Vec<u8> = (0..4_000_000u32)
        .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
        .collect();
    let (mut reader, mut writer) = socket.split();
    let mut got = vec![0; sent.len()];
    let (wrote, read) = timeout(BOUND, async {
        tokio::join!(writer.write_all(&sent), reader.read_exact(&mut got))
    })
    .await
    .unwrap();
    wrote.unwrap();
    read.unwrap();
    assert!(got == sent);
}

/// "no data being sent or received": the cut that this project exists for.
#[tokio::test]
async fn a_quiet_websocket_is_cut_at_the_idle_timeout() {
    unless_stalled(|| async {
        let target = raw(echo_upgrade).await;
        let mut stack = Stack::start(
            Config {
                idle_timeout: IDLE,
                ..config(group())
            },
            &[target],
        )
        .await;
        let mut socket = open(stack.address).await;
        let began = Instant::now();
        assert_eq!(
            timeout(BOUND, socket.read(&mut [0]))
                .await
                .unwrap()
                .unwrap_or(0),
            0
        );
        assert!(
            (IDLE - IDLE / 20..IDLE * 4).contains(&began.elapsed()),
            "{:?}",
            began.elapsed()
        );
        stack
            .event(|e| {
                matches!(
                    e,
                    Event::Cut {
                        cause: Cause::Idle,
                        ..
                    }
                )
            })
            .await;
    })
    .await;
}

/// A byte in one direction alone resets the clock: ten idle timeouts with the client silent, then
/// with the target.
#[tokio::test]
async fn a_byte_either_way_keeps_a_websocket() {
    unless_stalled(|| async {
    let speaks = raw(|mut tcp, _| async move {
        tcp.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n!").await.unwrap();
        while tcp.write_all(b"x").await.is_ok() {
            tokio::time::sleep(IDLE / 2).await;
        }
    })
    .await;
    let listens = raw(|mut tcp, _| async move {
        tcp.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n!").await.unwrap();
        let mut heard = [0; 20];
        tcp.read_exact(&mut heard).await.unwrap();
        tcp.write_all(b"heard").await.unwrap();
    })
    .await;
    let quick = || Config {
        idle_timeout: IDLE,
        ..config(group())
    };
    let (one, two) = (
        Stack::start(quick(), &[speaks]).await,
        Stack::start(quick(), &[listens]).await,
    );
    let hears = async {
        let mut socket = open(one.address).await;
        let mut heard = [0; 20];
        timeout(BOUND, socket.read_exact(&mut heard))
            .await
            .unwrap()
            .unwrap();
    };
    let says = async {
        let mut socket = open(two.address).await;
        for _ in 0..20 {
            socket.write_all(b"x").await.unwrap();
            tokio::time::sleep(IDLE / 2).await;
        }
        let mut answer = [0; 5];
        timeout(BOUND, socket.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&answer, b"heard");
    };
    tokio::join!(hears, says);
    })
    .await;
}

/// "the target that returns an HTTP 101 status code … is the target used in the WebSockets
/// connection"; the cookie comes with the 101.
#[tokio::test]
async fn an_upgrade_is_sticky_and_carries_the_cookie() {
    let target = raw(echo_upgrade).await;
    let group = Group {
        stickiness: Some(Duration::from_secs(3600)),
        ..group()
    };
    let stack = Stack::start(config(group), &[target]).await;
    let (_socket, head) = open_with(stack.address).await;
    assert!(
        head.contains("AWSALB=") && head.contains("AWSALBCORS="),
        "{head}"
    );
    assert_eq!(stack.balancer.targets()[0].outstanding, 1);
}

/// A target that does not grant the upgrade answers as to any request.
#[tokio::test]
async fn a_refused_upgrade_is_an_ordinary_answer() {
    let target = raw(|mut tcp, _| async move {
        let _ = tcp
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            .await;
    })
    .await;
    let stack = Stack::start(config(group()), &[target]).await;
    let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
    let reply = get(stack.address, "/ws", &headers).await;
    assert_eq!((reply.status, &*reply.body), (403, "no"));
}

/// A side that ends is told to the other: nobody keeps half a connection.
#[tokio::test]
async fn an_end_on_one_side_ends_the_other() {
    let target = raw(echo_upgrade).await;
    let mut stack = Stack::start(config(group()), &[target]).await;
    let mut socket = open(stack.address).await;
    socket.shutdown().await.unwrap();
    assert_eq!(
        timeout(BOUND, socket.read(&mut [0]))
            .await
            .unwrap()
            .unwrap(),
        0
    );
    timeout(BOUND, async {
        while stack.balancer.targets()[0].outstanding > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the tunnel is still open");
    assert!(
        stack.events.try_recv().is_err(),
        "an orderly end is no event"
    );
}

/// A client that stops reading slows its target down instead of filling the balancer's memory.
#[tokio::test]
async fn a_slow_reader_holds_its_sender_back() {
    let (total, mut written) = tokio::sync::watch::channel(0usize);
    let target = raw(move |mut tcp, _| {
        let total = total.clone();
        async move {
            tcp.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n!").await.unwrap();
            while let Ok(n) = tcp.write(&[0; 65_536]).await {
                total.send_modify(|total| *total += n);
            }
        }
    })
    .await;
    let stack = Stack::start(config(group()), &[target]).await;
    let _socket = open(stack.address).await;
    // The sockets' own buffers fill; then nothing moves any more.
    while timeout(Duration::from_millis(500), written.changed())
        .await
        .is_ok()
    {
        assert!(
            *written.borrow_and_update() < 64 << 20,
            "the balancer takes everything"
        );
    }
}
