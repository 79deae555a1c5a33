//! The ping interval against the idle timeout, on either transport.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use socketio_client::{Engine, Error, Polling, Settings};

use super::balancers::{BalancerSettings, Front, trials};
use super::participants::{Client, PATIENCE, Target};

const IDLE: Duration = Duration::from_millis(1200);

trials! {
    /// The ping comes too late: quiet WebSockets are cut at the idle timeout, and clients come back
    /// only to be cut again.
    quiet_websockets_are_cut: super::quiet_websockets_are_cut;
    /// … and a held poll is answered 504 by the balancer.
    held_polls_get_504: super::held_polls_get_504;
    /// The cure: with the ping interval below it, a quiet client stays for ten idle timeouts on
    /// either transport.
    a_quiet_client_stays: super::a_quiet_client_stays;
}

fn config(transports: &[&str]) -> serde_json::Value {
    json!({ "path": "/socket.io", "namespace": "/", "transports": transports, "acknowledge": false })
}

fn setup() -> BalancerSettings {
    BalancerSettings {
        idle: IDLE,
        sticky: false,
    }
}

async fn quiet_websockets_are_cut(front: impl AsyncFn(BalancerSettings, Vec<SocketAddr>) -> Front) {
    let target = Target::start("a", json!({ "pingInterval": 5000 })).await;
    let front = front(setup(), vec![target.address]).await;
    let mut client = Client::start("v4", &front.url(), config(&["websocket"]));
    for _ in 0..2 {
        client.wait_for("connected").await;
        let connected = Instant::now();
        let lost = client.wait_for("disconnected").await;
        let stayed = connected.elapsed();
        assert!(
            lost["reason"] == "transport close" || lost["reason"] == "transport error",
            "{lost}"
        );
        assert!(
            stayed > IDLE * 3 / 4 && stayed < IDLE * 3,
            "cut after {stayed:?}"
        );
    }
}

async fn held_polls_get_504(front: impl AsyncFn(BalancerSettings, Vec<SocketAddr>) -> Front) {
    let target = Target::start("a", json!({ "pingInterval": 5000 })).await;
    let front = front(setup(), vec![target.address]).await;
    let (mut polling, settings) = polling(&front);
    let (handshake, _) = polling.open(PATIENCE).await.unwrap();
    assert_eq!(handshake.ping_interval, Duration::from_secs(5));
    polling.post(&settings.join(), PATIENCE).await.unwrap();
    polling.poll(PATIENCE).await.unwrap();
    let began = Instant::now();
    match polling.poll(PATIENCE).await {
        Err(Error::Refused(reply)) => assert_eq!(reply.status, 504),
        other => panic!("{other:?}"),
    }
    assert!(
        began.elapsed() > IDLE * 3 / 4 && began.elapsed() < IDLE * 3,
        "{:?}",
        began.elapsed()
    );
}

fn polling(front: &Front) -> (Polling, Settings) {
    let (path, namespace) = ("/socket.io".to_owned(), "/".to_owned());
    let settings = Settings {
        address: front.url().parse().unwrap(),
        path,
        namespace,
        key: None,
    };
    (settings.polling(), settings)
}

async fn a_quiet_client_stays(front: impl AsyncFn(BalancerSettings, Vec<SocketAddr>) -> Front) {
    let target = Target::start("a", json!({ "pingInterval": 500 })).await;
    let front = front(setup(), vec![target.address]).await;
    let stays = async |transport: &str| {
        let mut client = Client::start("v4", &front.url(), config(&[transport]));
        client.wait_for("connected").await;
        client.quiet_until(IDLE * 11, &["transport"]).await;
    };
    let polls = async {
        let (mut polling, settings) = polling(&front);
        polling.open(PATIENCE).await.unwrap();
        polling.post(&settings.join(), PATIENCE).await.unwrap();
        let until = Instant::now() + IDLE * 10;
        while Instant::now() < until {
            let (packets, _) = polling.poll(PATIENCE).await.unwrap();
            if packets.contains(&Engine::Ping(String::new())) {
                polling
                    .post(&Engine::Pong(String::new()), PATIENCE)
                    .await
                    .unwrap();
            }
        }
    };
    tokio::join!(stays("websocket"), stays("polling"), polls);
}
