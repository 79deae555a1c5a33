//! After an interruption of the store: what this node holds is put back, and everything is read
//! anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Hub;
use crate::keys::KeyKind;
use crate::message::Mailbox;
use crate::store::{Held, Parts, Store};

/// From one try to put things back to the next.
const RETRY: Duration = Duration::from_millis(100);

impl Hub {
    /// Announcements of these parts of the store were missed, and data may be lost, all of it if
    /// `emptied`. Recovers beside everything else: announcements are heard meanwhile. One recovery
    /// that waits for its turn does for all interruptions until then.
    pub(super) fn start_recovery(self: Arc<Self>, emptied: bool, parts: Parts) {
        let waits = {
            let mut state = self.lock();
            let waiting = state.recovery;
            let (also, others) = waiting.unwrap_or_default();
            state.recovery = Some((emptied || also, parts.and(others)));
            waiting.is_some()
        };
        if !waits {
            tokio::spawn(async move { self.recover().await });
        }
    }

    async fn recover(self: Arc<Self>) {
        let recovering = self.recovering.lock().await;
        let (emptied, parts) = self.lock().recovery.take().unwrap_or_default();
        let left = self.put_back(emptied, parts).await;
        let parts = parts.without(left);
        // Before anything is read: what was acknowledged last may be lost, too.
        self.context.recorder.replay(parts);
        self.begin_anew(parts);
        self.measure_now.notify_one();
        drop(recovering);
        self.check_keys(parts).await;
        if !left.is_empty() {
            sleep(RETRY).await;
            self.start_recovery(emptied, left);
        }
    }

    /// Returns the parts that gave no answer.
    async fn put_back(&self, emptied: bool, parts: Parts) -> Parts {
        let restored = loop {
            match self.context.store.restore(self.held(emptied, parts)).await {
                Ok(restored) => break restored,
                Err(_) => sleep(RETRY).await,
            }
        };
        let metrics = &self.context.metrics;
        metrics.restored.inc_by(restored.messages);
        metrics.lost.inc_by(restored.lost);
        let (messages, keys, lost) = (restored.messages, restored.keys, restored.lost);
        if emptied && restored.left != parts {
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
        restored.left
    }

    /// What this node has in memory of the data of these parts of the store.
    fn held(&self, emptied: bool, parts: Parts) -> Held {
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
            parts,
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

    /// Has every mailbox of these parts read anew, and its sockets shown what they lack.
    pub(super) fn begin_anew(&self, parts: Parts) {
        let mailboxes: Vec<Mailbox> = {
            let mut state = self.lock();
            let all = state.channels.keys();
            let of_parts = all.filter(|mailbox| self.is_in(mailbox, parts));
            let mailboxes: Vec<Mailbox> = of_parts.cloned().collect();
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
