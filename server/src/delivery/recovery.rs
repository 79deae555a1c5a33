//! After an interruption of the store: what this node holds is put back, and everything is read
//! anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Hub;
use crate::keys::KeyKind;
use crate::message::Mailbox;
use crate::store::{Held, Store};

/// From one try to put things back to the next.
const RETRY: Duration = Duration::from_millis(100);

impl Hub {
    /// Announcements were missed, and data may be lost, all of it if `emptied`. Recovers beside
    /// everything else: announcements are heard meanwhile. One recovery that waits for its turn
    /// does for all interruptions until then.
    pub(super) fn start_recovery(self: Arc<Self>, emptied: bool) {
        let waits = {
            let mut state = self.lock();
            let waiting = state.recovery;
            state.recovery = Some(waiting.unwrap_or_default() || emptied);
            waiting.is_some()
        };
        if !waits {
            tokio::spawn(async move { self.recover().await });
        }
    }

    async fn recover(&self) {
        let recovering = self.recovering.lock().await;
        let emptied = self.lock().recovery.take().unwrap_or_default();
        self.put_back(emptied).await;
        // Before anything is read: what was acknowledged last may be lost, too.
        self.context.recorder.replay();
        self.begin_anew();
        self.measure_now.notify_one();
        drop(recovering);
        self.check_keys().await;
    }

    async fn put_back(&self, emptied: bool) {
        let restored = loop {
            match self.context.store.restore(self.held(emptied)).await {
                Ok(restored) => break restored,
                Err(_) => sleep(RETRY).await,
            }
        };
        let metrics = &self.context.metrics;
        metrics.restored.inc_by(restored.messages);
        metrics.lost.inc_by(restored.lost);
        let (messages, keys, lost) = (restored.messages, restored.keys, restored.lost);
        if emptied {
            tracing::error!(
                messages,
                keys,
                lost,
                "the store has lost its data: what this node held was put back; `lost` is what it \
                 had accepted and held no more, without what nodes that are gone had accepted",
            );
        } else if messages > 0 {
            tracing::warn!(
                messages,
                "the store had lost messages that this node held; they were put back"
            );
        }
    }

    /// What this node has in memory of the store's data.
    fn held(&self, emptied: bool) -> Held {
        let mut messages = HashMap::new();
        let mut keys = HashMap::new();
        let state = self.lock();
        let mut add = |message: Arc<_>| {
            let message: Arc<crate::message::Message> = message;
            messages.insert((message.mailbox.clone(), message.seq), message);
        };
        for channel in state.channels.values() {
            channel.held().for_each(&mut add);
            for subscriber in &channel.subscribers {
                subscriber.held().into_iter().for_each(&mut add);
                if emptied && subscriber.key.kind == KeyKind::Stored {
                    keys.insert(subscriber.key.id.clone(), (*subscriber.key).clone());
                }
            }
        }
        Held {
            messages: messages.into_values().collect(),
            keys: keys.into_values().collect(),
            emptied,
        }
    }

    /// Has a mailbox read anew, and its sockets shown what they lack: what was put back lies before
    /// what was read of it.
    pub(super) fn read_channel_anew(&self, mailbox: &Mailbox) {
        let now = self.context.clock.now();
        let subscribers = {
            let mut state = self.lock();
            let Some(channel) = state.channels.get_mut(mailbox) else {
                return;
            };
            channel.distrust(now);
            let subscribers = channel.subscribers.clone();
            state.urgent.insert(mailbox.clone());
            subscribers
        };
        self.sweep_now.notify_one();
        for subscriber in subscribers {
            subscriber.read_anew();
        }
    }

    /// Has every mailbox read anew, and every socket shown what it lacks.
    pub(super) fn begin_anew(&self) {
        let mailboxes: Vec<Mailbox> = {
            let mut state = self.lock();
            let mailboxes: Vec<Mailbox> = state.channels.keys().cloned().collect();
            // Presence is the store's to keep, but a node that was away too long has been
            // forgotten.
            state.changed.extend(mailboxes.iter().cloned());
            let keys = state.key_ids();
            let keys = keys.iter().map(|id| Mailbox::of_key(id));
            state.changed.extend(keys);
            mailboxes
        };
        for mailbox in &mailboxes {
            self.read_channel_anew(mailbox);
        }
    }
}
