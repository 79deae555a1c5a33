//! What the hub does beside delivering: reading mailboxes on, telling the store who is here, and
//! retiring what has expired.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use super::Hub;
use super::channel::Channel;
use crate::clock::system_is_steady;
use crate::keys::KeyUse;
use crate::message::Mailbox;
use crate::metrics::MessageState;
use crate::store::{Part, Parts, Result, Store};

/// Mailboxes that are read at the same time.
const AT_ONCE: usize = 8;
/// How soon a mailbox is read again that could not be read.
const RETRY: Duration = Duration::from_millis(500);
/// From a change of presence to telling the store; changes meanwhile share one call.
const PRESENCE_DELAY: Duration = Duration::from_millis(200);
/// From one look for expired messages to the next.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(500);
/// Messages retired in one call.
const EXPIRY_BATCH: usize = 5000;

impl Hub {
    /// Reads every mailbox on, spread over the sweep's interval, and urgent ones at once. A round
    /// may take longer than the interval, but leaves none out.
    pub(super) async fn sweep(self: Arc<Self>) {
        loop {
            self.check_keys(Parts::ALL).await;
            let mailboxes: Vec<Mailbox> = self.lock().channels.keys().cloned().collect();
            let groups = mailboxes.chunks(AT_ONCE);
            let pause =
                self.context.tuning.sweep / u32::try_from(groups.len() + 1).unwrap_or(u32::MAX);
            for group in groups {
                self.sweep_urgent_until(Instant::now() + pause).await;
                join_all(
                    group
                        .iter()
                        .map(|mailbox| self.sweep_or_retry(mailbox.clone())),
                )
                .await;
            }
            self.sweep_urgent_until(Instant::now() + pause).await;
        }
    }

    async fn sweep_urgent_until(self: &Arc<Self>, end: Instant) {
        self.sweep_urgent().await;
        while timeout_at(end, self.sweep_now.notified()).await.is_ok() {
            self.sweep_urgent().await;
        }
    }

    async fn sweep_urgent(self: &Arc<Self>) {
        let urgent = std::mem::take(&mut self.lock().urgent);
        let urgent: Vec<Mailbox> = urgent.into_iter().collect();
        for group in urgent.chunks(AT_ONCE) {
            join_all(
                group
                    .iter()
                    .map(|mailbox| self.sweep_or_retry(mailbox.clone())),
            )
            .await;
        }
    }

    async fn sweep_or_retry(self: &Arc<Self>, mailbox: Mailbox) {
        if self.sweep_one(&mailbox).await.is_err() {
            let hub = self.clone();
            tokio::spawn(async move {
                sleep(RETRY).await;
                let mut state = hub.lock();
                if state.channels.contains_key(&mailbox) {
                    state.urgent.insert(mailbox);
                    hub.sweep_now.notify_one();
                }
            });
        }
    }

    async fn sweep_one(&self, mailbox: &Mailbox) -> Result<()> {
        let Some(question) = self.lock().channels.get(mailbox).map(Channel::question) else {
            return Ok(());
        };
        let until = self.context.clock.now().plus(self.context.tuning.horizon);
        // Whoever joined has read what was stored before: the first sweep has no sequence number to
        // go on from.
        let swept = self
            .context
            .store
            .sweep(mailbox, question.seq, question.after, until)
            .await?;
        let mut state = self.lock();
        if let Some(channel) = state.channels.get_mut(mailbox)
            && let Some((times, missed)) = channel.sweep(&question, swept, until)
        {
            self.context
                .metrics
                .announcements_missed
                .inc_by(missed as u64);
            self.look_at(&mut state, mailbox, times);
        }
        Ok(())
    }

    /// Tells the store how many sockets are on each mailbox that has changed.
    pub(super) async fn tell_presence(self: Arc<Self>) {
        let mut tick = interval(PRESENCE_DELAY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let (changes, used) = {
                let mut state = self.lock();
                (state.take_presence(), std::mem::take(&mut state.used))
            };
            let store = &self.context.store;
            let mut of_parts: HashMap<Part, Vec<(Arc<str>, KeyUse)>> = HashMap::new();
            for (id, used) in used {
                let part = store.part_of(&Mailbox::of_key(&id));
                of_parts.entry(part).or_default().push((id, used));
            }
            join_all(of_parts.into_values().map(|used| self.tell_uses(used))).await;
            if !changes.is_empty()
                && store
                    .set_presence(&self.context.node, &changes)
                    .await
                    .is_err()
            {
                let untold = changes.into_iter().map(|(mailbox, _)| mailbox);
                self.lock().changed.extend(untold);
            }
        }
    }

    /// Tells the store how keys of one of its parts were used; later, if it is away.
    async fn tell_uses(&self, uses: Vec<(Arc<str>, KeyUse)>) {
        if self.context.store.record_uses(uses.clone()).await.is_err() {
            let mut state = self.lock();
            for (id, used) in uses {
                state.used.entry(id).or_insert(used);
            }
        }
    }

    /// Retires expired messages for ever, and tells of each that nobody acknowledged.
    pub(super) async fn retire_expired(self: Arc<Self>) {
        let mut tick = interval(EXPIRY_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = self.context.clock.now();
            self.context.suspects.forget_expired(now);
            // What a clock says that has just leapt is not final.
            let held = !self.context.clock.is_steady() || !system_is_steady();
            self.context.metrics.expiry_held.set(i64::from(held));
            if held {
                continue;
            }
            // A store that is away has been told of; what has expired stays there.
            let expired = self.context.store.expire(now, EXPIRY_BATCH).await;
            for expired in expired.unwrap_or_default() {
                self.context.metrics.count(MessageState::expired, 1);
                tracing::warn!(
                    channel = %expired.mailbox, message_id = expired.id, delivered_keys = expired.delivered_keys,
                    "expired unacknowledged",
                );
            }
        }
    }
}
