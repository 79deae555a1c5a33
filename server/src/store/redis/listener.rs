//! Listening to announcements, on a connection to each primary. Each time that it had to be made
//! anew, or that a part has come from another primary, announcements may have been lost, and with a
//! failover or a restart data too: whoever listens is told of which parts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, Msg, ProtocolVersion, PushInfo, PushKind,
    RedisResult, Value, cmd, from_redis_value,
};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::time::{sleep, timeout};

use super::link::{BEAT, PATIENCE, retry};
use super::names::Layout;
use super::primary::Primary;
use super::{Shared, lock};
use crate::store::{Announcement, Parts, Wanted};

/// Announcements that may wait to be passed on.
const QUEUE: usize = 16_384;

/// What listens to all primaries.
struct Listener {
    shared: Arc<Shared>,
    wanted: Wanted,
    /// Parts of which announcements are heard.
    heard: Mutex<Parts>,
    /// Until every part is heard for the first time.
    starting: AtomicBool,
    begun: Notify,
}

/// A connection on which announcements come in.
pub(super) struct Subscription {
    connection: MultiplexedConnection,
    incoming: Receiver<PushInfo>,
}

/// Why a subscription has to be made anew.
enum Ended {
    /// The connection has broken.
    Broken,
    /// Parts of the primary have changed.
    Moved,
}

/// Listens for ever, and says when it has begun to.
pub(super) async fn listen(shared: Arc<Shared>, wanted: Wanted, listening: oneshot::Sender<()>) {
    let listener = Listener {
        shared,
        wanted,
        heard: Mutex::default(),
        starting: AtomicBool::new(true),
        begun: Notify::new(),
    };
    let primaries = &listener.shared.primaries;
    let (mut changed, mut listening) = (primaries.watch(), Some(listening));
    let (mut all, mut number) = (FuturesUnordered::new(), 0);
    loop {
        changed.mark_unchanged();
        let known = primaries.known();
        for primary in known.into_iter().skip(number) {
            number += 1;
            all.push(listener.listen_to(primary));
        }
        tokio::select! {
            _ = changed.changed() => {}
            _ = all.next(), if !all.is_empty() => {}
            () = listener.begun.notified() => {
                if primaries.layout.parts().without(*lock(&listener.heard)).is_empty()
                    && let Some(listening) = listening.take()
                {
                    listener.starting.store(false, Ordering::Relaxed);
                    // Whoever asked may be gone.
                    let _ = listening.send(());
                }
            }
        }
    }
}

impl Listener {
    /// Listens to one primary, for ever.
    async fn listen_to(&self, primary: Arc<Primary>) {
        let (mut watch, mut heard) = (primary.watch(), Parts::NONE);
        let mut current: Option<Subscription> = None;
        loop {
            let parts = *watch.borrow_and_update();
            if parts.is_empty() {
                self.now_hears(&mut heard, parts);
                current = None;
                // The sender lives as long as the store.
                let _ = watch.changed().await;
                continue;
            }
            let subscribing = self.subscribe(&primary, parts);
            let new = tokio::select! {
                new = subscribing => new,
                _ = watch.changed() => continue,
            };
            // What came in meanwhile, and is on its way.
            if let Some(old) = &current {
                answers(&old.connection).await;
            }
            while let Some(push) = current
                .as_mut()
                .and_then(|old| old.incoming.try_recv().ok())
            {
                self.take(push, &mut heard);
            }
            let resumed = parts.without(heard);
            self.now_hears(&mut heard, parts);
            let subscription = current.insert(new);
            // Only now: what is announced from here on is heard.
            let starting = self.starting.load(Ordering::Relaxed);
            if !resumed.is_empty() {
                self.shared.resumed(&primary, resumed, starting).await;
            }
            self.begun.notify_one();
            if !starting && !resumed.is_empty() {
                let primary = primary.name();
                tracing::info!(primary, "the subscription to the store is back");
            }
            let ended = tokio::select! {
                ended = self.hear(&mut subscription.incoming, &mut heard) => ended,
                ended = falls_silent(&subscription.connection) => ended,
                () = primary.calls.moved.notified() => Ended::Broken,
                _ = watch.changed() => Ended::Moved,
            };
            if let Ended::Broken = ended {
                self.now_hears(&mut heard, Parts::NONE);
                current = None;
                let primary = primary.name();
                tracing::warn!(primary, "the subscription to the store is lost");
            }
        }
    }

    async fn subscribe(&self, primary: &Primary, parts: Parts) -> Subscription {
        let layout = self.shared.primaries.layout;
        let channels = parts.iter().flat_map(|part| layout.channels(part));
        let channels: Vec<String> = channels.collect();
        let attempt = async || {
            let client = primary.whereabouts.client();
            let subscribing = async { subscribe(&client.await?, layout, &channels).await };
            let subscribed = timeout(PATIENCE, subscribing).await;
            subscribed.unwrap_or_else(|_| Err((ErrorKind::Io, "no answer in time").into()))
        };
        let failed = |why| {
            self.shared.primaries.trouble.notify_one();
            match self.starting.load(Ordering::Relaxed) {
                true => tracing::info!(why, "the start waits for the subscription to the store"),
                false => tracing::debug!(why, "not listening yet"),
            }
        };
        retry(attempt, failed).await
    }

    /// Notes what a primary's announcements are heard of, from now on.
    fn now_hears(&self, heard: &mut Parts, parts: Parts) {
        {
            let mut all = lock(&self.heard);
            *all = all.without(*heard).and(parts);
        }
        for part in heard.without(parts).iter() {
            self.shared.part(part).heard.store(false, Ordering::Relaxed);
        }
        for part in parts.iter() {
            self.shared.part(part).heard.store(true, Ordering::Relaxed);
        }
        *heard = parts;
    }

    /// Passes on what comes in, until something is in the way.
    async fn hear(&self, incoming: &mut Receiver<PushInfo>, heard: &mut Parts) -> Ended {
        while let Some(push) = incoming.recv().await {
            match self.take(push, heard) {
                None => {}
                Some(Ended::Moved) => {
                    self.shared.primaries.trouble.notify_one();
                    // Where it is now is known in a moment.
                    sleep(BEAT / 2).await;
                    return Ended::Moved;
                }
                Some(ended) => return ended,
            }
        }
        Ended::Broken
    }

    /// Passes an announcement on; or says what is in the way.
    fn take(&self, push: PushInfo, heard: &mut Parts) -> Option<Ended> {
        match push.kind {
            PushKind::Disconnection => Some(Ended::Broken),
            // A slot has gone from this primary, perhaps to come back: it is not heard meanwhile.
            PushKind::SUnsubscribe => {
                let layout = self.shared.primaries.layout;
                let channel = push.data.into_iter().next().unwrap_or(Value::Nil);
                let channel: String = from_redis_value(channel).unwrap_or_default();
                let gone = layout.part_of_channel(&channel).map(Parts::from);
                self.now_hears(heard, heard.without(gone.unwrap_or_default()));
                Some(Ended::Moved)
            }
            _ => {
                if let Some(message) = Msg::from_push_info(push) {
                    super::heard::heard(&self.shared, &self.wanted, message.get_payload_bytes());
                }
                None
            }
        }
    }
}

/// Subscribes to these channels.
pub(super) async fn subscribe(
    client: &Client,
    layout: Layout,
    channels: &[String],
) -> RedisResult<Subscription> {
    let info = client.get_connection_info().clone();
    let login = info.redis_settings().clone();
    // Announcements come beside answers.
    let login = login.set_protocol(ProtocolVersion::RESP3);
    let (sender, incoming) = channel(QUEUE);
    let sender = Mutex::new(Some(sender));
    // Who is behind by so much loses the connection, and so is told that it missed some.
    let deliver = move |push| {
        let mut sender = lock(&sender);
        let sent = sender
            .as_ref()
            .and_then(|sender| sender.try_send(push).ok());
        if sent.is_none() {
            *sender = None;
        }
        sent.ok_or(())
    };
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
        .set_push_sender(deliver);
    let mut connection = Client::open(info.set_redis_settings(login))?
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    // One round trip for all: the store may be far away.
    let mut all = redis::pipe();
    for channel in channels {
        let subscribe = all.cmd(match layout {
            Layout::Single => "SUBSCRIBE",
            Layout::Cluster => "SSUBSCRIBE",
        });
        subscribe.arg(channel);
    }
    let _: Value = all.query_async(&mut connection).await?;
    Ok(Subscription {
        connection,
        incoming,
    })
}

/// Ends when Redis does not answer on this connection any more, which may be dead although nothing
/// has said so.
async fn falls_silent(connection: &MultiplexedConnection) -> Ended {
    sleep(BEAT).await;
    while answers(connection).await {
        sleep(BEAT).await;
    }
    Ended::Broken
}

async fn answers(connection: &MultiplexedConnection) -> bool {
    let (mut connection, ping) = (connection.clone(), cmd("PING"));
    let answer = timeout(PATIENCE, connection.send_packed_command(&ping)).await;
    matches!(answer, Ok(Ok(_)))
}

/// A channel for announcements; a listener that is behind by more than this is told that it lost
/// some.
pub(super) fn announcements() -> broadcast::Sender<Announcement> {
    broadcast::Sender::new(QUEUE)
}
