//! Polling on two nodes, with stickiness and without.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use socketio_client::{Error, Settings};

use super::balancers::{BalancerSettings, Front, trials};
use super::participants::{Client, PATIENCE, Target};

trials! {
    /// 400 `Session ID unknown` as soon as a second node gets a request of the session.
    without_stickiness_polling_is_400: super::without_stickiness_polling_is_400;
    /// With stickiness, and a client that keeps cookies, the session stays on its node.
    with_stickiness_polling_works: super::with_stickiness_polling_works;
    /// A client that keeps no cookies: polling fails in spite of stickiness, WebSocket alone does
    /// not need it.
    a_client_without_cookies_needs_websocket: super::a_client_without_cookies_needs_websocket;
}

async fn two() -> [Target; 2] {
    [
        Target::start("a", json!({})).await,
        Target::start("b", json!({})).await,
    ]
}

fn setup(sticky: bool) -> BalancerSettings {
    BalancerSettings {
        idle: Duration::from_secs(60),
        sticky,
    }
}

fn config(transports: &[&str], cookies: bool) -> serde_json::Value {
    json!({ "path": "/socket.io", "namespace": "/", "transports": transports, "acknowledge": false, "cookies": cookies })
}

async fn without_stickiness_polling_is_400(
    front: impl AsyncFn(BalancerSettings, Vec<SocketAddr>) -> Front,
) {
    let targets = two().await;
    let front = front(
        setup(false),
        targets.iter().map(|target| target.address).collect(),
    )
    .await;
    let settings = Settings {
        address: front.url().parse().unwrap(),
        path: "/socket.io".into(),
        namespace: "/".into(),
        key: None,
    };
    let mut polling = settings.polling();
    polling.open(PATIENCE).await.unwrap();
    match polling.post(&settings.join(), PATIENCE).await {
        Err(Error::Refused(reply)) => {
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (400, r#"{"code":1,"message":"Session ID unknown"}"#)
            );
        }
        other => panic!("{other:?}"),
    }
}

async fn with_stickiness_polling_works(
    front: impl AsyncFn(BalancerSettings, Vec<SocketAddr>) -> Front,
) {
    let targets = two().await;
    let front = front(
        setup(true),
        targets.iter().map(|target| target.address).collect(),
    )
    .await;
    for _ in 0..3 {
        let mut client = Client::start("v4", &front.url(), config(&["polling", "websocket"], true));
        client.wait_for("connected").await;
        // The upgrade may come before the namespace is joined.
        if client.wait_for("transport").await["name"] == "polling" {
            client.wait_for("upgraded").await;
        }
    }
}

async fn a_client_without_cookies_needs_websocket(
    front: impl AsyncFn(BalancerSettings, Vec<SocketAddr>) -> Front,
) {
    let targets = two().await;
    let front = front(
        setup(true),
        targets.iter().map(|target| target.address).collect(),
    )
    .await;
    let mut polls = Client::start("v4", &front.url(), config(&["polling"], false));
    let refused = loop {
        let event = polls.next().await;
        if event["type"] == "connect_error" || event["type"] == "disconnected" {
            break event;
        }
    };
    assert!(
        refused["message"] == "xhr post error"
            || refused["message"] == "xhr poll error"
            || refused["reason"] == "transport error",
        "{refused}"
    );
    let mut alone = Client::start("v4", &front.url(), config(&["websocket"], false));
    alone.wait_for("connected").await;
}
