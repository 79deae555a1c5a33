//! Listening to announcements, on a connection of its own. Each time that it had to be made anew, announcements may have
//! been lost, and with a failover or a restart data too: whoever listens is told.

use std::sync::Arc;

use futures_util::StreamExt as _;
use redis::{Client, Msg, RedisResult};
use tokio::sync::{broadcast, oneshot};

use super::link::retry;
use super::{Shared, names};
use crate::clock::Millis;
use crate::message::{Mailbox, Position};
use crate::store::{Announcement, Wanted};

/// Listens for ever, and says when it has begun to.
pub(super) async fn listen(
    shared: Arc<Shared>,
    client: Client,
    wanted: Wanted,
    listening: oneshot::Sender<()>,
) {
    let mut first = Some(listening);
    loop {
        let mut messages = retry(
            || subscribe(&client),
            |why| tracing::debug!(why, "not listening yet"),
        )
        .await;
        // Only now: what is announced from here on is heard.
        shared.resumed(first.is_some()).await;
        // Whoever asked may be gone.
        first.take().map(|listening| listening.send(()));
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) => heard(&shared, &wanted, &message),
                    None => break,
                },
                () = shared.calls.moved.notified() => break,
            }
        }
        tracing::warn!("the store's announcements have broken off");
    }
}

async fn subscribe(client: &Client) -> RedisResult<redis::aio::PubSubStream> {
    let mut subscription = client.get_async_pubsub().await?;
    for number in 0..names::PARTITIONS {
        subscription.subscribe(names::partition(number)).await?;
    }
    Ok(subscription.into_on_message())
}

/// Passes an announcement on, if it is of a mailbox that this node has sockets on. One that another release makes
/// in another way is passed over; the sweep finds what it told.
fn heard(shared: &Shared, wanted: &Wanted, message: &Msg) {
    if let Some(announcement) = parse(message.get_payload_bytes(), wanted) {
        if let Announcement::Cancelled(mailbox, at) = &announcement {
            shared.ledger().cancelled(mailbox, at.seq);
        }
        shared.announce(announcement);
    }
}

fn parse(payload: &[u8], wanted: &Wanted) -> Option<Announcement> {
    let (kind, rest) = (payload.first()?, payload.get(2..)?);
    let end = rest
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(rest.len());
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    match kind {
        b'P' if wanted(name) => {
            let message = super::line::decode(&Mailbox::from(name), rest.get(end + 1..)?)?;
            Some(Announcement::Published(message))
        }
        b'C' => {
            let mut parts = std::str::from_utf8(rest.get(end + 1..)?)
                .ok()?
                .split(' ')
                .skip(1);
            let at = Position {
                deliver_at: Millis(parts.next()?.parse().ok()?),
                seq: parts.next()?.parse().ok()?,
            };
            Some(Announcement::Cancelled(Mailbox::from(name), at))
        }
        b'R' => Some(Announcement::Revoked(name.into())),
        _ => None,
    }
}

/// A channel for announcements; a listener that is behind by more than this is told that it lost some.
pub(super) fn channel() -> broadcast::Sender<Announcement> {
    broadcast::Sender::new(16_384)
}
