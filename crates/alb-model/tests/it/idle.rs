//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#connection-idle-timeout>

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alb_model::{Cause, Config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use testkit::backend::{BOUND, Session, echo, get, raw, read_head};
use testkit::balancer::{Stack, config, group};
use testkit::stall::unless_stalled;

const IDLE: Duration = Duration::from_millis(400);

fn quick() -> Config {
    Config {
        idle_timeout: IDLE,
        ..config(group())
    }
}

/// How long until the peer closes; what it sent before that.
async fn until_closed(tcp: &mut TcpStream) -> (Duration, String) {
    let (began, mut rest) = (Instant::now(), Vec::new());
    timeout(BOUND, tcp.read_to_end(&mut rest))
        .await
        .expect("not closed")
        .unwrap();
    (began.elapsed(), String::from_utf8_lossy(&rest).into_owned())
}

fn assert_about(elapsed: Duration, expected: Duration) {
    // Early by no more than the clock's grain; late by what a busy machine may add.
    assert!(
        elapsed >= expected - Duration::from_millis(20) && elapsed < expected * 4,
        "{elapsed:?}, not {expected:?}"
    );
}

/// 504: "the target did not respond before the idle timeout period elapsed": how a held long poll
/// ends.
#[tokio::test]
async fn a_target_that_does_not_answer_is_504_at_the_idle_timeout() {
    unless_stalled(|| async {
        let target = raw(|mut tcp, _| async move { while tcp.read_u8().await.is_ok() {} }).await;
        let mut stack = Stack::start(quick(), &[target]).await;
        let began = Instant::now();
        let reply = get(stack.address, "/", &[]).await;
        assert_about(began.elapsed(), IDLE);
        assert_eq!((reply.status, reply.body.len()), (504, 132));
        assert_eq!(stack.failure().await, (504, Cause::Idle));
    })
    .await;
}

/// "send at least 1 byte of data before each idle timeout period elapses": from the target, it
/// holds a response open.
#[tokio::test]
async fn a_byte_from_the_target_resets_the_clock() {
    unless_stalled(|| async {
        let target = raw(|mut tcp, _| async move {
            tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
                .await
                .unwrap();
            for _ in 0..8 {
                tokio::time::sleep(IDLE / 2).await;
                tcp.write_all(b"x").await.unwrap();
            }
        })
        .await;
        let stack = Stack::start(quick(), &[target]).await;
        assert_eq!(get(stack.address, "/", &[]).await.body, "xxxxxxxx");
    })
    .await;
}

/// … and from the client, it holds a request open.
#[tokio::test]
async fn a_byte_from_the_client_resets_the_clock() {
    unless_stalled(|| async {
        let target = echo().await;
        let stack = Stack::start(quick(), &[target.address]).await;
        let mut tcp = TcpStream::connect(stack.address).await.unwrap();
        tcp.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n")
            .await
            .unwrap();
        for _ in 0..6 {
            tokio::time::sleep(IDLE / 2).await;
            tcp.write_all(b"x").await.unwrap();
        }
        assert!(
            timeout(BOUND, read_head(&mut tcp))
                .await
                .unwrap()
                .starts_with("HTTP/1.1 200")
        );
    })
    .await;
}

/// A response that stalls half-way is cut: its status is long gone.
#[tokio::test]
async fn a_response_that_stalls_is_cut() {
    unless_stalled(|| async {
        let target = raw(|mut tcp, _| async move {
            tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nx")
                .await
                .unwrap();
            while tcp.read_u8().await.is_ok() {}
        })
        .await;
        let stack = Stack::start(quick(), &[target]).await;
        let mut tcp = TcpStream::connect(stack.address).await.unwrap();
        tcp.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let (elapsed, got) = until_closed(&mut tcp).await;
        assert_about(elapsed, IDLE);
        assert!(
            got.starts_with("HTTP/1.1 200") && got.ends_with("\r\n\r\nx"),
            "{got}"
        );
    })
    .await;
}

/// 408: "The client did not send data before the idle timeout period expired."
#[tokio::test]
async fn a_client_that_stops_in_its_request_is_408() {
    unless_stalled(|| async {
        let target = echo().await;
        let stack = Stack::start(quick(), &[target.address]).await;
        for part in [
            "GET / HTTP/1.1\r\nho",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nx",
        ] {
            let mut tcp = TcpStream::connect(stack.address).await.unwrap();
            tcp.write_all(part.as_bytes()).await.unwrap();
            let head = timeout(BOUND, read_head(&mut tcp)).await.unwrap();
            assert!(head.starts_with("HTTP/1.1 408 "), "{part:?}: {head}");
        }
    })
    .await;
}

/// "the period of time an existing client … connection can remain inactive … before the load
/// balancer closes the connection", without a word to a client that has asked for nothing.
#[tokio::test]
async fn an_idle_client_connection_is_closed() {
    unless_stalled(|| async {
        let target = echo().await;
        let stack = Stack::start(quick(), &[target.address]).await;
        let mut silent = TcpStream::connect(stack.address).await.unwrap();
        let (elapsed, got) = until_closed(&mut silent).await;
        assert_about(elapsed, IDLE);
        assert_eq!(got, "");

        let mut used = TcpStream::connect(stack.address).await.unwrap();
        used.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let (elapsed, got) = until_closed(&mut used).await;
        assert_about(elapsed, IDLE);
        // By its head: a port or a trace id in the echo may hold "408" too.
        assert!(
            got.starts_with("HTTP/1.1 200 ") && got.matches("HTTP/1.1 ").count() == 1,
            "{got}"
        );
    })
    .await;
}

/// "an existing … target connection": kept for reuse until it has been idle that long, then closed
/// by the balancer.
#[tokio::test]
async fn connections_to_targets_are_reused_until_idle() {
    unless_stalled(|| async {
        let (ended, mut on_end) = tokio::sync::mpsc::channel(8);
        let target = raw(move |mut tcp, _| {
            let ended = ended.clone();
            async move {
                let mut requests = 1;
                loop {
                    tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                        .await
                        .unwrap();
                    let answered = Instant::now();
                    if !read_head(&mut tcp).await.ends_with("\r\n\r\n") {
                        let _ = ended.send((requests, answered.elapsed())).await;
                        return;
                    }
                    requests += 1;
                }
            }
        })
        .await;
        let stack = Stack::start(quick(), &[target]).await;
        for _ in 0..5 {
            // Five clients, one connection to the target.
            assert_eq!(get(stack.address, "/", &[]).await.status, 200);
        }
        let (requests, idle) = timeout(BOUND, on_end.recv()).await.unwrap().unwrap();
        assert_eq!(requests, 5);
        assert_about(idle, IDLE);
    })
    .await;
}

/// "Elastic Load Balancing … can reuse backend connections": requests at the same time need one
/// each.
#[tokio::test]
async fn requests_at_the_same_time_take_a_connection_each() {
    let target = echo().await;
    let stack = Stack::start(config(group()), &[target.address]).await;
    // Health checks connect too; slow ones could not be told from requests otherwise.
    let checks = target.connections.load(Ordering::SeqCst);
    let all = (0..10).map(|_| get(stack.address, "/", &[]));
    for reply in futures_util::future::join_all(all).await {
        assert_eq!(reply.status, 200);
    }
    assert!(target.connections.load(Ordering::SeqCst) > checks);
}

/// …#http-client-keep-alive-duration: after it, "the load balancer accepts one more request and
/// then … closes".
#[tokio::test]
async fn an_old_client_connection_gets_one_more_answer() {
    unless_stalled(|| async {
        let target = echo().await;
        let age = Duration::from_millis(300);
        let stack = Stack::start(
            Config {
                client_keep_alive: age,
                ..config(group())
            },
            &[target.address],
        )
        .await;
        let mut session = Session::open(stack.address).await;
        assert_eq!(session.get("/", &[]).await.header("connection"), "");
        tokio::time::sleep(age).await;
        assert!(!session.is_closed());
        let last = session.get("/", &[]).await;
        assert_eq!((last.status, last.header("connection")), (200, "close"));
    })
    .await;
}
