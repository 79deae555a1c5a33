//! Listening to announcements, on a connection of its own. Each time that it had to be made anew,
//! announcements may have been lost, and with a failover or a restart data too: whoever listens is
//! told.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Client, ErrorKind, Msg, RedisResult, Value};
use tokio::sync::{broadcast, oneshot};
use tokio::time::{sleep, timeout};

use super::link::{BEAT, PATIENCE, retry};
use super::seal::Seals;
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
        let starting = first.is_some();
        let (mut subscription, mut messages) = retry(
            || subscribe_in_time(&client),
            |why| match starting {
                true => tracing::info!(why, "the start waits for the subscription to the store"),
                false => tracing::debug!(why, "not listening yet"),
            },
        )
        .await;
        shared.unread.listening.store(true, Ordering::Relaxed);
        // Only now: what is announced from here on is heard.
        shared.resumed(first.is_some()).await;
        match first.take() {
            // Whoever asked may be gone.
            Some(listening) => drop(listening.send(())),
            None => tracing::info!("the subscription to the store is back"),
        }
        let hearing = async {
            while let Some(message) = messages.next().await {
                heard(&shared, &wanted, &message);
            }
        };
        tokio::select! {
            () = hearing => {}
            () = falls_silent(&mut subscription) => {}
            () = shared.calls.moved.notified() => {}
        }
        shared.unread.listening.store(false, Ordering::Relaxed);
        tracing::warn!("the subscription to the store is lost");
    }
}

pub(super) async fn subscribe(client: &Client) -> RedisResult<(PubSubSink, PubSubStream)> {
    let (mut subscription, messages) = client.get_async_pubsub().await?.split();
    // One round trip for all: the store may be far away.
    let partitions: Vec<String> = (0..names::PARTITIONS).map(names::partition).collect();
    subscription.subscribe(partitions).await?;
    Ok((subscription, messages))
}

async fn subscribe_in_time(client: &Client) -> RedisResult<(PubSubSink, PubSubStream)> {
    let subscribed = timeout(PATIENCE, subscribe(client)).await;
    subscribed.unwrap_or_else(|_| Err((ErrorKind::Io, "no answer in time").into()))
}

/// Ends when Redis does not answer on this connection any more, which may be dead although nothing
/// has said so.
async fn falls_silent(subscription: &mut PubSubSink) {
    loop {
        sleep(BEAT).await;
        match timeout(PATIENCE, subscription.ping::<Value>()).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Passes an announcement on, if it is of a mailbox that this node has sockets on. One that another
/// release makes in another way is passed over; the sweep finds what it told.
fn heard(shared: &Arc<Shared>, wanted: &Wanted, message: &Msg) {
    if let Some(announcement) = parse(message.get_payload_bytes(), wanted, &shared.seals) {
        if let Announcement::Published(message) = &announcement {
            shared.unread.heard(message, wanted);
        }
        if let Announcement::PutBack(mailbox) = &announcement {
            shared.clone().forget_settled(mailbox.clone());
        }
        if let Announcement::Cancelled(mailbox, at) = &announcement {
            shared.accepted().cancelled(mailbox, at.seq);
        }
        shared.announce(announcement);
    }
}

fn parse(payload: &[u8], wanted: &Wanted, seals: &Seals) -> Option<Announcement> {
    let (kind, rest) = (payload.first()?, payload.get(2..)?);
    let end = rest
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(rest.len());
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    match kind {
        b'P' if wanted(name) => {
            let mailbox = Mailbox::from(name);
            let line = rest.get(end + 1..)?;
            let (message, seal) = super::message_format::decode_sealed(&mailbox, line)?;
            match seal.is_some_and(|seal| seals.fits(&message, &seal)) {
                true => Some(Announcement::Published(message)),
                false => Some(Announcement::Unproved(Some(mailbox))),
            }
        }
        b'C' => {
            let rest = std::str::from_utf8(rest.get(end + 1..)?).ok()?;
            let mut parts = rest.split(' ');
            let id = parts.next()?;
            let at = Position {
                deliver_at: Millis(parts.next()?.parse().ok()?),
                seq: parts.next()?.parse().ok()?,
            };
            let seal = parts.next().unwrap_or_default();
            match seals.fits_cancellation(name, id, at, seal) {
                true => Some(Announcement::Cancelled(Mailbox::from(name), at)),
                // Read anew, what is cancelled is gone, and what is not stays.
                false => wanted(name).then(|| Announcement::Unproved(Some(Mailbox::from(name)))),
            }
        }
        b'B' if wanted(name) => Some(Announcement::PutBack(Mailbox::from(name))),
        b'N' => {
            let ban = seals.read_ban(std::str::from_utf8(rest).ok()?);
            Some(ban.map_or(Announcement::Unproved(None), Announcement::Banned))
        }
        b'R' => Some(Announcement::Revoked(name.into())),
        _ => None,
    }
}

/// A channel for announcements; a listener that is behind by more than this is told that it lost
/// some.
pub(super) fn channel() -> broadcast::Sender<Announcement> {
    broadcast::Sender::new(16_384)
}
