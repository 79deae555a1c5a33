//! Engine.IO: handshake, messages, close and upgrade, the same for protocols 3 and 4.

use reqwest::Method;
use serde_json::{Value, json};

use super::Case;
use super::peer::{Frames, Peer};

pub(super) fn cases() -> Vec<(&'static str, Case)> {
    super::cases![
        polling_opens,
        websocket_opens,
        wrong_version_is_refused,
        wrong_transport_is_refused,
        wrong_method_is_refused,
        error_code_is_a_number,
        invalid_packet_closes_polling,
        invalid_packet_closes_websocket,
        second_poll_closes,
        close_by_polling_client,
        close_by_websocket_client,
        upgrade_is_probed,
        polling_after_upgrade_is_refused,
        websocket_after_upgrade_is_refused,
    ]
}

/// Asserts what a handshake announces under the default settings.
fn assert_announced(open: &Value, upgrades: &Value) {
    assert!(open["sid"].is_string(), "{open}");
    assert_eq!(&open["upgrades"], upgrades);
    assert_eq!(open["pingInterval"], 60_000);
    assert_eq!(open["pingTimeout"], 240_000);
    assert_eq!(open["maxPayload"], 1024);
}

async fn polling_opens(peer: Peer) {
    assert_announced(&peer.open().await, &json!(["websocket"]));
}

async fn websocket_opens(peer: Peer) {
    assert_announced(&peer.session().await.1, &json!([]));
}

async fn wrong_version_is_refused(peer: Peer) {
    for query in ["transport=polling", "EIO=abc&transport=polling"] {
        assert_eq!(peer.request(Method::GET, query, "").await.0, 400, "{query}");
    }
    for query in ["transport=websocket", "EIO=abc&transport=websocket"] {
        assert!(peer.websocket(query).await.is_none(), "{query}");
    }
}

async fn wrong_transport_is_refused(peer: Peer) {
    for query in [format!("EIO={}", peer.version), peer.query("abc", None)] {
        assert_eq!(
            peer.request(Method::GET, &query, "").await.0,
            400,
            "{query}"
        );
        assert!(peer.websocket(&query).await.is_none(), "{query}");
    }
}

async fn wrong_method_is_refused(peer: Peer) {
    let query = peer.query("polling", None);
    for method in [Method::POST, Method::PUT] {
        assert_eq!(peer.request(method, &query, "").await.0, 400);
    }
}

async fn error_code_is_a_number(peer: Peer) {
    let query = peer.query("polling", Some("unknown"));
    let (status, body) = peer.request(Method::GET, &query, "").await;
    assert_eq!(status, 400);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["code"], 1, "{body}");
}

async fn invalid_packet_closes_polling(peer: Peer) {
    let sid = peer.sid().await;
    assert_eq!(peer.post_raw(&sid, "abc").await, 400);
    assert_eq!(peer.poll(&sid).await.0, 400);
}

async fn invalid_packet_closes_websocket(peer: Peer) {
    let (mut frames, _) = peer.session().await;
    frames.send("abc").await;
    frames.closed().await;
}

async fn second_poll_closes(peer: Peer) {
    let sid = peer.sid().await;
    let (first, second) = tokio::join!(peer.poll(&sid), peer.poll(&sid));
    // A poll may be answered by a ping first, and its successor find the session closed.
    let refused = |status| matches!(status, 400 | 500);
    assert!(
        refused(first.0) || refused(second.0),
        "{first:?} {second:?}"
    );
    assert_eq!(peer.poll(&sid).await.0, 400);
}

async fn close_by_polling_client(peer: Peer) {
    let sid = peer.sid().await;
    assert_eq!(peer.post(&sid, "1").await, 200);
    assert_eq!(peer.poll(&sid).await.0, 400);
}

async fn close_by_websocket_client(peer: Peer) {
    let (mut frames, _) = peer.session().await;
    frames.send("1").await;
    frames.closed().await;
}

/// Opens a session over polling and probes a WebSocket for it.
async fn probed(peer: &Peer) -> (String, Frames) {
    let sid = peer.sid().await;
    let query = peer.query("websocket", Some(&sid));
    let mut frames = peer.websocket(&query).await.unwrap();
    frames.send("2probe").await;
    assert_eq!(frames.next().await.unwrap(), "3probe");
    (sid, frames)
}

async fn upgrade_is_probed(peer: Peer) {
    let (sid, mut frames) = probed(&peer).await;
    let (status, packets) = peer.poll(&sid).await;
    assert_eq!((status, packets), (200, vec!["6".to_owned()]));
    frames.send("5").await;
    frames.send("1").await;
    frames.closed().await;
}

async fn polling_after_upgrade_is_refused(peer: Peer) {
    let (sid, mut frames) = probed(&peer).await;
    assert_eq!(peer.poll(&sid).await.0, 200);
    frames.send("5").await;
    let refused = crate::harness::eventually("polling is refused", async || {
        (peer.post(&sid, "4").await == 400).then_some(())
    });
    refused.await;
}

async fn websocket_after_upgrade_is_refused(peer: Peer) {
    let (sid, mut frames) = probed(&peer).await;
    assert_eq!(peer.poll(&sid).await.0, 200);
    frames.send("5").await;
    if let Some(mut second) = peer.websocket(&peer.query("websocket", Some(&sid))).await {
        second.closed().await;
    }
}
