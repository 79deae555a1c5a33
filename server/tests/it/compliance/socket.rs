//! Socket.IO protocol 5: joining, refusing and leaving namespaces, and packets that close.

use serde_json::Value;

use super::Case;
use super::peer::{Frames, Peer};

pub(super) fn cases() -> Vec<(&'static str, Case)> {
    super::cases![
        namespace_is_joined,
        unknown_namespace_is_refused,
        invalid_connect_closes,
        namespace_is_left_and_joined_again,
        event_that_is_an_object_closes,
        event_with_letters_for_a_number_closes,
    ]
}

/// Joins `dropcodes`; the answer holds the socket's id.
async fn join(peer: &Peer, frames: &mut Frames) {
    frames
        .send(&format!(r#"40/dropcodes,{{"key":"{}"}}"#, peer.key))
        .await;
    let answer = frames.next().await.unwrap();
    let answer: Value =
        serde_json::from_str(answer.strip_prefix("40/dropcodes,").unwrap()).unwrap();
    assert!(answer["sid"].is_string(), "{answer}");
}

async fn namespace_is_joined(peer: Peer) {
    let (mut frames, _) = peer.session().await;
    join(&peer, &mut frames).await;
}

async fn unknown_namespace_is_refused(peer: Peer) {
    let (mut frames, _) = peer.session().await;
    frames.send("40/random,").await;
    let answer = frames.next().await.unwrap();
    let refusal = answer.strip_prefix("44/random,").unwrap();
    // `data` with a code of ours comes beside it.
    let refusal: Value = serde_json::from_str(refusal).unwrap();
    assert_eq!(refusal["message"], "Invalid namespace");
}

async fn invalid_connect_closes(peer: Peer) {
    let (mut frames, _) = peer.session().await;
    frames.send("4abc").await;
    frames.closed().await;
}

async fn namespace_is_left_and_joined_again(peer: Peer) {
    let (mut frames, _) = peer.session().await;
    join(&peer, &mut frames).await;
    frames.send("41/dropcodes,").await;
    join(&peer, &mut frames).await;
}

async fn event_that_is_an_object_closes(peer: Peer) {
    let (mut frames, _) = peer.session().await;
    join(&peer, &mut frames).await;
    frames.send("42/dropcodes,{}").await;
    frames.closed().await;
}

async fn event_with_letters_for_a_number_closes(peer: Peer) {
    let (mut frames, _) = peer.session().await;
    join(&peer, &mut frames).await;
    frames.send(r#"42/dropcodes,abc["e"]"#).await;
    frames.closed().await;
}
