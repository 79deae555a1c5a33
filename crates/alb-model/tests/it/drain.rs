//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#deregistration-delay>

use std::time::{Duration, Instant};

use alb_model::{Cause, Event, Group, Health};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::websocket::{echo_upgrade, open};
use testkit::backend::{BOUND, Session, echo, get, raw};
use testkit::balancer::{Stack, config, group};
use testkit::stall::unless_stalled;

const DELAY: Duration = Duration::from_millis(500);

fn draining() -> Group {
    Group {
        deregistration_delay: DELAY,
        ..group()
    }
}

/// A target that holds each request until told to answer or to close, and tells when one has come.
async fn holding(answer: bool) -> (std::net::SocketAddr, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (came, on_come) = mpsc::channel(8);
    let (go, on_go) = mpsc::channel::<()>(8);
    let on_go = std::sync::Arc::new(tokio::sync::Mutex::new(on_go));
    let address = raw(move |mut tcp, _| {
        let (came, on_go) = (came.clone(), on_go.clone());
        async move {
            came.send(()).await.unwrap();
            on_go.lock().await.recv().await;
            if answer {
                let _ = tcp
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
                    .await;
                let _ = tcp.read_u8().await;
            }
        }
    })
    .await;
    (address, on_come, go)
}

/// "stops sending requests to targets that are deregistering … can help in-flight requests to the
/// target to complete".
#[tokio::test]
async fn a_request_under_way_may_end_and_no_new_one_comes() {
    let (held, mut came, go) = holding(true).await;
    let other = echo().await;
    let mut stack = Stack::start(
        config(Group {
            deregistration_delay: Duration::from_secs(60),
            ..group()
        }),
        &[held],
    )
    .await;
    let address = stack.address;
    let request = tokio::spawn(async move { get(address, "/", &[]).await });
    came.recv().await.unwrap();
    stack.balancer.register("tg", other.address).unwrap();
    stack
        .event(|e| {
            matches!(
                e,
                Event::Health {
                    health: Health::Healthy,
                    ..
                }
            )
        })
        .await;
    let done = stack.balancer.deregister("tg", held).unwrap();
    for _ in 0..4 {
        assert_eq!(
            get(stack.address, "/", &[]).await.seen().target,
            other.address
        );
    }
    go.send(()).await.unwrap();
    assert_eq!(request.await.unwrap().body, "done");
    // "If a deregistering target has no in-flight requests and no active connections, Elastic Load
    // Balancing immediately completes the deregistration process."
    timeout(BOUND, done).await.expect("deregistration goes on");
}

/// 502: "The deregistration delay period elapsed for a request being handled by a target that was
/// deregistered."
#[tokio::test]
async fn a_request_longer_than_the_delay_is_502() {
    let (held, mut came, _go) = holding(true).await;
    let mut stack = Stack::start(config(draining()), &[held]).await;
    let address = stack.address;
    let request = tokio::spawn(async move { get(address, "/", &[]).await });
    came.recv().await.unwrap();
    let began = Instant::now();
    timeout(BOUND, stack.balancer.deregister("tg", held).unwrap())
        .await
        .unwrap();
    assert!(began.elapsed() >= DELAY);
    assert_eq!(request.await.unwrap().status, 502);
    assert_eq!(stack.failure().await, (502, Cause::Deregistered));
    assert_eq!(stack.balancer.targets(), []);
}

/// At the end of the delay "the load balancer breaks the connection": an open WebSocket, too, whose
/// process may not have been told anything yet. Until then it works.
#[tokio::test]
async fn an_open_websocket_is_cut_at_the_end_of_the_delay() {
    unless_stalled(|| async {
        let target = raw(echo_upgrade).await;
        let mut stack = Stack::start(config(draining()), &[target]).await;
        let mut socket = open(stack.address).await;
        let done = stack.balancer.deregister("tg", target).unwrap();
        assert_eq!(stack.balancer.targets()[0].health, Health::Draining);
        socket.write_all(b"still here").await.unwrap();
        let mut back = [0; 10];
        timeout(BOUND, socket.read_exact(&mut back))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&back, b"still here");
        timeout(BOUND, done).await.unwrap();
        assert_eq!(
            timeout(BOUND, socket.read(&mut back))
                .await
                .unwrap()
                .unwrap_or(0),
            0
        );
        stack
            .event(|e| {
                matches!(
                    e,
                    Event::Cut {
                        cause: Cause::Deregistered,
                        ..
                    }
                )
            })
            .await;
    })
    .await;
}

/// The other order, SIGTERM first: "If a deregistering target terminates the connection before the
/// deregistration delay elapses, the client receives a 500-level error response."
#[tokio::test]
async fn a_draining_target_that_closes_gives_502() {
    let (held, mut came, go) = holding(false).await;
    let mut stack = Stack::start(
        config(Group {
            deregistration_delay: Duration::from_secs(60),
            ..group()
        }),
        &[held],
    )
    .await;
    let address = stack.address;
    let request = tokio::spawn(async move { get(address, "/", &[]).await });
    came.recv().await.unwrap();
    let done = stack.balancer.deregister("tg", held).unwrap();
    go.send(()).await.unwrap();
    assert_eq!(request.await.unwrap().status, 502);
    assert_eq!(stack.failure().await, (502, Cause::TargetClosed));
    timeout(BOUND, done)
        .await
        .expect("nothing is open any more");
}

/// A deregistered target "enters the `draining` state"; alone in its group, it leaves nobody to
/// send to.
#[tokio::test]
async fn only_draining_targets_are_503() {
    let (held, mut came, _go) = holding(true).await;
    let stack = Stack::start(config(draining()), &[held]).await;
    let mut busy = TcpStream::connect(stack.address).await.unwrap();
    busy.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    came.recv().await.unwrap();
    let _done = stack.balancer.deregister("tg", held).unwrap();
    assert_eq!(
        Session::open(stack.address)
            .await
            .get("/", &[])
            .await
            .status,
        503
    );
}
