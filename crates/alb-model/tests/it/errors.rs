//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html>

use std::time::Duration;

use alb_model::{Cause, Config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use testkit::backend::{Session, echo, get, raw, read_head};
use testkit::balancer::{Stack, config, group};
use testkit::stall::unless_stalled;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// 502: "The load balancer received a TCP RST from the target when attempting to establish a
/// connection."
#[tokio::test]
async fn a_refused_connection_is_502() {
    let closes = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = closes.local_addr().unwrap();
    let health = tokio::spawn(async move {
        let (mut tcp, _) = closes.accept().await.unwrap();
        read_head(&mut tcp).await;
        tcp.write_all(OK).await.unwrap();
    });
    let mut group = group();
    group.health_check.interval = Duration::from_secs(60);
    let mut stack = Stack::start(config(group), &[target]).await;
    health.await.unwrap();
    let reply = get(stack.address, "/", &[]).await;
    assert_eq!((reply.status, reply.header("server")), (502, "awselb/2.0"));
    assert_eq!(
        (reply.header("content-type"), reply.body.len()),
        ("text/html", 122)
    );
    assert_eq!(stack.failure().await, (502, Cause::ConnectFailed));
}

/// 502: "The target closed the connection with a TCP RST or a TCP FIN while the load balancer had
/// an outstanding request to the target."
#[tokio::test]
async fn a_target_that_closes_on_a_request_is_502() {
    let target = raw(|tcp, _| async move { drop(tcp) }).await;
    let mut stack = Stack::start(config(group()), &[target]).await;
    assert_eq!(get(stack.address, "/", &[]).await.status, 502);
    assert_eq!(stack.failure().await, (502, Cause::TargetClosed));
}

/// 502: "Check whether the keep-alive duration of the target is shorter than the idle timeout value
/// of the load balancer": the request meets the close on its way, and is not repeated elsewhere.
#[tokio::test]
async fn a_request_that_meets_the_targets_close_is_502() {
    let (closed, mut on_close) = tokio::sync::mpsc::channel(1);
    let target = raw(move |mut tcp, _| {
        let closed = closed.clone();
        async move {
            tcp.write_all(OK).await.unwrap();
            drop(tcp);
            closed.send(()).await.unwrap();
        }
    })
    .await;
    // As long as a packet may be on its way, wide enough for a test to aim at.
    let config = Config {
        notice_close: Duration::from_secs(1),
        ..config(group())
    };
    let mut stack = Stack::start(config, &[target]).await;
    let mut session = Session::open(stack.address).await;
    assert_eq!(session.get("/", &[]).await.status, 200);
    on_close.recv().await.unwrap();
    assert_eq!(session.get("/", &[]).await.status, 502);
    assert_eq!(stack.failure().await, (502, Cause::TargetClosed));
}

/// The same close, noticed in time, costs nothing: the next request goes on a new connection.
#[tokio::test]
async fn a_close_noticed_in_time_goes_unseen() {
    let target = raw(|mut tcp, _| async move { tcp.write_all(OK).await.unwrap() }).await;
    let stack = Stack::start(
        Config {
            notice_close: Duration::ZERO,
            ..config(group())
        },
        &[target],
    )
    .await;
    let mut session = Session::open(stack.address).await;
    for _ in 0..5 {
        assert_eq!(session.get("/", &[]).await.status, 200);
    }
}

/// 502: "The target response is malformed or contains HTTP headers that are not valid."
#[tokio::test]
async fn a_malformed_response_is_502() {
    for answer in [
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let target = raw(move |mut tcp, _| async move {
            let _ = tcp.write_all(answer.as_bytes()).await;
            let _ = tcp.read_u8().await;
        })
        .await;
        let mut stack = Stack::start(config(group()), &[target]).await;
        assert_eq!(get(stack.address, "/", &[]).await.status, 502, "{answer:?}");
        assert_eq!(
            stack.failure().await,
            (502, Cause::MalformedResponse),
            "{answer:?}"
        );
    }
}

/// 503: "The target groups for the load balancer have no registered targets."
#[tokio::test]
async fn no_registered_target_is_503() {
    let mut stack = Stack::start(config(group()), &[]).await;
    let reply = get(stack.address, "/", &[]).await;
    assert_eq!((reply.status, reply.body.len()), (503, 162));
    assert_eq!(stack.failure().await, (503, Cause::NoTargets));
}

/// 504: "failed to establish a connection to the target before the connection timeout expired (10
/// seconds)".
#[tokio::test]
async fn a_connection_that_is_not_accepted_in_time_is_504() {
    unless_stalled(|| async {
        // A full backlog: the kernel drops further SYNs, as a host that went away would.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = std::sync::Arc::new(socket.listen(1).unwrap());
        let (address, health) = (full.local_addr().unwrap(), full.clone());
        tokio::spawn(async move {
            let (mut tcp, _) = health.accept().await.unwrap();
            read_head(&mut tcp).await;
            tcp.write_all(OK).await.unwrap();
        });
        let mut group = group();
        group.health_check.interval = Duration::from_secs(60);
        let connect_timeout = Duration::from_millis(200);
        let mut stack = Stack::start(
            Config {
                connect_timeout,
                ..config(group)
            },
            &[address],
        )
        .await;
        let mut filling = vec![];
        while let Ok(Ok(tcp)) =
            tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
        {
            filling.push(tcp);
        }
        let reply = get(stack.address, "/", &[]).await;
        assert_eq!((reply.status, reply.body.len()), (504, 132));
        assert_eq!(stack.failure().await, (504, Cause::ConnectTimeout));
    })
    .await;
}

/// 405: "The client used the TRACE method, which is not supported by Application Load Balancers."
#[tokio::test]
async fn trace_is_405() {
    let stack = Stack::start(config(group()), &[echo().await.address]).await;
    assert_eq!(
        Session::open(stack.address)
            .await
            .send("TRACE", "/", &[])
            .await
            .status,
        405
    );
}

/// 400: "The client sent a malformed request that does not meet the HTTP specification."
#[tokio::test]
async fn a_malformed_request_is_400() {
    let stack = Stack::start(config(group()), &[]).await;
    for request in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    ] {
        let mut tcp = TcpStream::connect(stack.address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut tcp).await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{request:?}: {head}");
    }
}

/// 460: "received a request from a client, but the client closed the connection … before the idle
/// timeout period elapsed". The client sees nothing of it; the log does.
#[tokio::test]
async fn a_client_that_leaves_early_is_460() {
    let target = raw(|mut tcp, _| async move { while tcp.read_u8().await.is_ok() {} }).await;
    let mut stack = Stack::start(config(group()), &[target]).await;
    let mut tcp = TcpStream::connect(stack.address).await.unwrap();
    tcp.write_all(b"GET /poll HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    // Leaves once the request has reached the target.
    tokio::time::timeout(testkit::backend::BOUND, async {
        while stack.balancer.targets()[0].outstanding == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    drop(tcp);
    assert_eq!(stack.failure().await, (460, Cause::ClientClosed));
}

/// "The load balancer forwards valid HTTP responses from targets to the client, including HTTP
/// errors."
#[tokio::test]
async fn a_targets_own_error_passes_unchanged() {
    let target = raw(|mut tcp, _| async move {
        let _ = tcp
            .write_all(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy")
            .await;
    })
    .await;
    let stack = Stack::start(config(group()), &[target]).await;
    let reply = get(stack.address, "/", &[]).await;
    assert_eq!(
        (reply.status, reply.header("retry-after"), &*reply.body),
        (503, "1", "busy")
    );
    assert_eq!(reply.header("server"), "");
}
