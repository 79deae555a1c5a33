//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use alb_model::{Event, Group, Health, HealthCheck};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use testkit::backend::{get, read_head};
use testkit::balancer::{Stack, config, group};
use testkit::stall::unless_stalled;

/// A target whose health check answers with a status of the test's choice (0: never), and shows
/// what it was asked.
async fn target(status: &Arc<AtomicU16>) -> (std::net::SocketAddr, mpsc::Receiver<(String, bool)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, asks) = mpsc::channel(64);
    let status = status.clone();
    tokio::spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let (status, asked) = (status.load(Ordering::SeqCst), asked.clone());
            tokio::spawn(async move {
                let head = read_head(&mut tcp).await;
                if status > 0 {
                    let _ = tcp
                        .write_all(
                            format!(
                                "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: \
                                     0\r\n\r\n"
                            )
                            .as_bytes(),
                        )
                        .await;
                }
                let closed = tcp.read_u8().await.is_err();
                let _ = asked.try_send((head, closed));
            });
        }
    });
    (address, asks)
}

async fn next(stack: &mut Stack) -> (Health, String) {
    match stack
        .event(|event| matches!(event, Event::Health { .. }))
        .await
    {
        Event::Health { health, reason, .. } => (health, reason),
        _ => unreachable!(),
    }
}

/// "the `User-Agent` is set to `ELB-HealthChecker/2.0`"; "`Host: 10.0.0.10:8080`"; "the load
/// balancer node closes the connection that was established for the health check".
#[tokio::test]
async fn a_health_check_looks_like_awss() {
    let (address, mut asks) = target(&Arc::new(AtomicU16::new(200))).await;
    let _stack = Stack::start(config(group()), &[address]).await;
    let (head, closed) = asks.recv().await.unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("get /healthcheck http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nhost: {address}\r\n")), "{head}");
    assert!(
        head.contains("\r\nuser-agent: elb-healthchecker/2.0\r\n"),
        "{head}"
    );
    assert!(closed);
}

/// "After your target is registered, it must pass one health check to be considered healthy"; then
/// the thresholds.
#[tokio::test]
async fn one_pass_admits_and_thresholds_eject_and_bring_back() {
    unless_stalled(|| async {
        let status = Arc::new(AtomicU16::new(200));
        let (address, _asks) = target(&status).await;
        let mut stack = Stack::start(config(group()), &[]).await;
        stack.balancer.register("tg", address).unwrap();
        assert_eq!(next(&mut stack).await, (Health::Healthy, String::new()));
        status.store(500, Ordering::SeqCst);
        let (health, reason) = next(&mut stack).await;
        assert_eq!(
            (health, &*reason),
            (
                Health::Unhealthy,
                "Target.ResponseCodeMismatch: Health checks failed with these codes: [500]"
            )
        );
        status.store(200, Ordering::SeqCst);
        assert_eq!(next(&mut stack).await.0, Health::Healthy);
    })
    .await;
}

/// `HealthCheckTimeoutSeconds`: "no response from a target means a failed health check".
#[tokio::test]
async fn no_answer_in_time_is_a_failure() {
    let (address, _asks) = target(&Arc::new(AtomicU16::new(0))).await;
    let check = HealthCheck {
        timeout: Duration::from_millis(15),
        ..group().health_check
    };
    let mut stack = Stack::start(
        config(Group {
            health_check: check,
            ..group()
        }),
        &[],
    )
    .await;
    stack.balancer.register("tg", address).unwrap();
    let (health, reason) = next(&mut stack).await;
    assert_eq!(health, Health::Unhealthy);
    assert!(reason.starts_with("Target.Timeout"), "{reason}");
}

/// `Matcher`: "a range of values (for example, "200-299")".
#[tokio::test]
async fn the_matcher_decides_what_passes() {
    unless_stalled(|| async {
        let (address, _asks) = target(&Arc::new(AtomicU16::new(404))).await;
        let check = HealthCheck {
            matcher: vec![(200, 299), (404, 404)],
            ..group().health_check
        };
        let mut stack = Stack::start(
            config(Group {
                health_check: check,
                ..group()
            }),
            &[],
        )
        .await;
        stack.balancer.register("tg", address).unwrap();
        assert_eq!(next(&mut stack).await.0, Health::Healthy);
    })
    .await;
}

/// "If a target group contains only unhealthy registered targets, the load balancer routes requests
/// to all those targets, regardless of their health status."
#[tokio::test]
async fn all_targets_unhealthy_fails_open() {
    let status = Arc::new(AtomicU16::new(500));
    let (address, _asks) = target(&status).await;
    let mut stack = Stack::start(config(group()), &[]).await;
    stack.balancer.register("tg", address).unwrap();
    assert_eq!(next(&mut stack).await.0, Health::Unhealthy);
    assert_eq!(get(stack.address, "/", &[]).await.status, 500);
}

/// "Each load balancer node routes requests only to the healthy targets."
#[tokio::test]
async fn an_unhealthy_target_gets_nothing_while_another_is_healthy() {
    let (sick, well) = (Arc::new(AtomicU16::new(500)), Arc::new(AtomicU16::new(200)));
    let ((bad, _a), (good, _b)) = (target(&sick).await, target(&well).await);
    let mut stack = Stack::start(config(group()), &[good]).await;
    stack.balancer.register("tg", bad).unwrap();
    assert_eq!(next(&mut stack).await.0, Health::Unhealthy);
    for _ in 0..4 {
        assert_eq!(get(stack.address, "/", &[]).await.status, 200);
    }
}
