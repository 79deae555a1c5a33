//! The targets' keep-alive against the idle timeout: who closes an idle connection first.

use std::net::SocketAddr;
use std::time::Duration;

use alb_model::{Cause, Config};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::balancers::{BalancerSettings, Front, trials};
use super::participants::Target;
use testkit::backend::{Session, keeping_alive, raw, read_head};
use testkit::balancer::{Stack, config, group};

trials! {
    /// What the race looks like from the balancer: the target closes a kept connection on the
    /// request that comes.
    a_target_that_closes_on_a_reused_connection_is_502: super::a_target_that_closes_on_a_reused_connection_is_502;
    /// Keep-alive above the idle timeout: no 502 in 1,000 requests of slow traffic.
    above_the_idle_timeout_there_are_none: super::above_the_idle_timeout_there_are_none;
}

async fn a_target_that_closes_on_a_reused_connection_is_502(
    front: impl AsyncFn(BalancerSettings, Vec<SocketAddr>) -> Front,
) {
    let target = raw(|mut tcp, _| async move {
        let _ = tcp
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await;
        read_head(&mut tcp).await;
    })
    .await;
    let front = front(
        BalancerSettings {
            idle: Duration::from_secs(60),
            sticky: false,
        },
        vec![target],
    )
    .await;
    // HAProxy closes a client's connection without a word where the client could repeat the request
    // by itself; a POST it cannot. So does this trial, on a connection of its own for each request.
    let mut statuses = vec![];
    for _ in 0..4 {
        statuses.push(
            Session::open(front.address())
                .await
                .send("POST", "/", &[])
                .await
                .status,
        );
    }
    // In which order is HAProxy's: it answers before it has put the connection back.
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 502, 502]);
}

/// Keep-alive below the idle timeout: 502s under slow traffic, because a request meets the close on
/// its way. The way to a target takes 25 ms here; on loopback there is none, so HAProxy cannot show
/// this.
#[tokio::test]
async fn below_the_idle_timeout_there_are_502s() {
    let keep_alive = Duration::from_millis(300);
    let target = keeping_alive(keep_alive).await;
    let notice_close = Duration::from_millis(25);
    let config = Config {
        notice_close,
        ..config(group())
    };
    let mut stack = Stack::start(config, &[target]).await;
    let mut session = Session::open(stack.address).await;
    let mut failed = 0;
    // A request at about the time when the target gives the connection up: early, late, and in
    // between.
    for step in 0..20 {
        tokio::time::sleep(
            keep_alive - Duration::from_millis(20) + Duration::from_millis(4) * step,
        )
        .await;
        failed += u32::from(session.get("/", &[]).await.status == 502);
    }
    assert!((1..20).contains(&failed), "{failed} of 20");
    assert_eq!(stack.failure().await, (502, Cause::TargetClosed));
}

async fn above_the_idle_timeout_there_are_none(
    front: impl AsyncFn(BalancerSettings, Vec<SocketAddr>) -> Front,
) {
    // Far longer than an answer takes on a busy machine: HAProxy's idle timeout bounds that too.
    let idle = Duration::from_millis(600);
    let target = Target::start("a", json!({ "keepAlive": 60_000 })).await;
    let front = front(
        BalancerSettings {
            idle,
            sticky: false,
        },
        vec![target.address],
    )
    .await;
    let address = front.address();
    // Fifty clients at a time, each with pauses around the idle timeout, which closes connections
    // all the while.
    let clients = (0..50_u32).map(|client| async move {
        let mut statuses = vec![];
        for n in 0..20 {
            tokio::time::sleep(
                idle - Duration::from_millis(20) + Duration::from_millis(2) * ((client + n) % 20),
            )
            .await;
            statuses.push(
                Session::open(address)
                    .await
                    .send("POST", "/", &[])
                    .await
                    .status,
            );
        }
        statuses
    });
    let statuses: Vec<_> = futures_util::future::join_all(clients).await.concat();
    assert_eq!(statuses.len(), 1000);
    assert_eq!(
        statuses.iter().filter(|&&status| status != 200).count(),
        0,
        "{statuses:?}"
    );
}
