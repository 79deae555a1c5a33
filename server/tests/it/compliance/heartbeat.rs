//! Heartbeats: the server pings in protocol 4, the client in protocol 3; silence ends a session.

use std::time::Instant;

use super::peer::Peer;
use super::{Case, PING_INTERVAL};

pub(super) fn cases() -> Vec<(&'static str, Case)> {
    super::cases![
        ping_comes_after_the_interval,
        silence_ends_polling,
        silence_ends_websocket,
    ]
}

async fn ping_comes_after_the_interval(peer: Peer) {
    // The clock starts before the session does: a slow machine only makes it later.
    let start = Instant::now();
    let (mut frames, _) = peer.session().await;
    if peer.version == 3 {
        frames.send("2").await;
        assert_eq!(frames.next().await.unwrap(), "3");
        return;
    }
    assert_eq!(frames.any().await.unwrap(), "2");
    assert!(start.elapsed() >= PING_INTERVAL, "{:?}", start.elapsed());
}

async fn silence_ends_polling(peer: Peer) {
    let sid = peer.sid().await;
    // The last poll may bring a packet of the end; the one after finds no session.
    let mut status = 200;
    while status == 200 {
        status = peer.poll(&sid).await.0;
    }
    assert_eq!(status, 400);
}

async fn silence_ends_websocket(peer: Peer) {
    let (mut frames, _) = peer.session().await;
    frames.closed().await;
}
