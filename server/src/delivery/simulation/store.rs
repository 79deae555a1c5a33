//! A store whose answers are held back: a question is read some time after it was asked, and its
//! answer arrives some time after that. It can lose messages, and announcements.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep};

use crate::clock::Millis;
use crate::keys::{KeyRecord, KeyUse};
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::store::{
    Announcement, Cancelled, Draft, Expired, Held, Parts, Published, Receipt, Restored, Result,
    Store, StoreError, Swept, Tally, Waiting, Wanted,
};

/// A store whose answers are held back until the trial releases them.
pub(super) struct HeldStore {
    state: Mutex<State>,
    announcements: broadcast::Sender<Announcement>,
    start: Instant,
    /// The longest way there, and the longest way back.
    latency: Duration,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) messages: BTreeMap<(Mailbox, Position), Arc<Message>>,
    /// By sequence number and key: whether it was acknowledged.
    pub(super) receipts: HashMap<(u64, Arc<str>), bool>,
    seq: u64,
    /// The listener's connection is gone: announcements reach nobody.
    deaf: bool,
    /// By how much its clock is wrong, in milliseconds.
    pub(super) leapt: i64,
    /// The code that retires messages panics.
    pub(super) broken: bool,
    /// A mailbox whose part of the store is away.
    pub(super) away: Option<Mailbox>,
}

impl HeldStore {
    pub(super) fn new(latency: Duration) -> Self {
        Self {
            state: Mutex::default(),
            announcements: broadcast::Sender::new(1024),
            start: Instant::now(),
            latency,
        }
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn clock(&self) -> Millis {
        Millis(1_000_000 + self.start.elapsed().as_millis() as i64)
    }

    /// Stores a message at once, and has it announced a moment later.
    pub(super) fn put(
        &self,
        mailbox: &Mailbox,
        deliver_in: Duration,
        ttl: Duration,
    ) -> Arc<Message> {
        let mut state = self.lock();
        state.seq += 1;
        let (seq, now) = (state.seq, self.clock());
        let deliver_at = now.plus(deliver_in);
        let message = Arc::new(Message {
            mailbox: mailbox.clone(),
            id: format!("m{seq}"),
            seq,
            event: "e".into(),
            data: serde_json::value::to_raw_value(&seq).unwrap(),
            created_at: now,
            deliver_at,
            expires_at: deliver_at.plus(ttl),
            digest: [0; 32],
            packet_body: OnceLock::new(),
        });
        let place = (mailbox.clone(), message.position());
        state.messages.insert(place, message.clone());
        self.announce(&state, Announcement::Published(message.clone()));
        message
    }

    /// Withdraws a message that is not due yet.
    pub(super) fn withdraw(&self, message: &Message) -> bool {
        let mut state = self.lock();
        let place = (message.mailbox.clone(), message.position());
        let done = message.deliver_at > self.clock() && state.messages.remove(&place).is_some();
        if done {
            let announcement = Announcement::Cancelled(place.0, place.1);
            self.announce(&state, announcement);
        }
        done
    }

    /// From now on announcements reach nobody.
    pub(super) fn deafen(&self) {
        self.lock().deaf = true;
    }

    /// Announcements are heard again, which is told.
    pub(super) fn resume(&self) {
        let mut state = self.lock();
        state.deaf = false;
        let interrupted = Announcement::Interrupted {
            emptied: false,
            parts: Parts::ALL,
        };
        self.announce(&state, interrupted);
    }

    /// Another node puts back what the store has lost.
    pub(super) fn put_back(&self, lost: Vec<Arc<Message>>) {
        let mut state = self.lock();
        for message in lost {
            let mailbox = message.mailbox.clone();
            let place = (mailbox.clone(), message.position());
            state.messages.insert(place, message);
            self.announce(&state, Announcement::PutBack(mailbox));
        }
    }

    fn announce(&self, state: &State, announcement: Announcement) {
        if !state.deaf {
            let _ = self.announcements.send(announcement);
        }
    }

    fn reach(&self, mailbox: &Mailbox) -> Result<()> {
        match self.lock().away.as_ref() == Some(mailbox) {
            true => Err(StoreError::Unavailable("away".into())),
            false => Ok(()),
        }
    }

    /// Reads after the way there, answers after the way back.
    async fn held<T>(&self, read: impl FnOnce(&mut State) -> T) -> Result<T> {
        self.travel().await;
        let answer = read(&mut self.lock());
        self.travel().await;
        Ok(answer)
    }

    async fn travel(&self) {
        let most = self.latency.as_micros() as u64;
        sleep(Duration::from_micros(fastrand::u64(0..=most))).await;
    }
}

impl State {
    fn of(&self, mailbox: &Mailbox) -> impl Iterator<Item = &Arc<Message>> {
        self.messages
            .values()
            .filter(move |m| m.mailbox == *mailbox)
    }
}

#[async_trait]
impl Store for HeldStore {
    async fn now(&self) -> Result<i64> {
        self.held(|state| (self.clock().0 + state.leapt) * 1000)
            .await
    }

    async fn backlog(
        &self,
        mailbox: &Mailbox,
        key: &str,
        after: Option<Position>,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<Waiting>> {
        self.reach(mailbox)?;
        self.held(|state| {
            let receipt = |m: &Message| state.receipts.get(&(m.seq, key.into())).copied();
            let wanted = |m: &&Arc<Message>| {
                after.is_none_or(|after| m.position() > after)
                    && m.deliver_at <= until
                    && receipt(m) != Some(true)
            };
            let waiting = |m: &Arc<Message>| Waiting {
                message: m.clone(),
                redelivered: receipt(m).is_some(),
            };
            let found = state.of(mailbox).filter(wanted).map(waiting);
            found.take(limit).collect()
        })
        .await
    }

    async fn sweep(
        &self,
        mailbox: &Mailbox,
        seq: Option<u64>,
        after: Millis,
        until: Millis,
    ) -> Result<Swept> {
        self.reach(mailbox)?;
        self.held(|state| {
            let live: Vec<_> = state.of(mailbox).cloned().collect();
            let due = |m: &&Arc<Message>| m.deliver_at > after && m.deliver_at <= until;
            let stored = |m: &&Arc<Message>| seq.is_some_and(|seq| m.seq > seq);
            Swept {
                stored: live.iter().filter(stored).cloned().collect(),
                due: live.iter().filter(due).cloned().collect(),
                seq: state.seq,
            }
        })
        .await
    }

    async fn record(&self, receipts: Vec<Receipt>) -> Result<()> {
        self.held(|state| {
            for receipt in receipts {
                let acknowledged = receipt.is_acknowledged();
                let name = (receipt.message.seq, receipt.of_key.key);
                *state.receipts.entry(name).or_default() |= acknowledged;
            }
        })
        .await
    }

    async fn restore(&self, held: Held) -> Result<Restored> {
        let restored = self.held(|state| {
            let mut restored = Restored::default();
            for message in held.messages {
                let place = (message.mailbox.clone(), message.position());
                if state.messages.insert(place, message).is_none() {
                    restored.messages += 1;
                }
            }
            restored
        });
        restored.await
    }

    async fn key(&self, id: &str) -> Result<Option<KeyRecord>> {
        self.held(|_| Some(super::key(id))).await
    }

    async fn note(&self, _: Vec<(Arc<Message>, Note)>) -> Result<()> {
        self.held(|_| ()).await
    }

    async fn expire(&self, _: Millis, _: usize) -> Result<Vec<Expired>> {
        self.held(|state| {
            assert!(!state.broken, "broken");
            Vec::new()
        })
        .await
    }

    async fn set_presence(&self, _: &str, _: &[(Mailbox, u32)]) -> Result<()> {
        self.held(|_| ()).await
    }

    async fn announcements(&self, _: Wanted) -> broadcast::Receiver<Announcement> {
        self.announcements.subscribe()
    }

    async fn publish(&self, _: Vec<Draft>) -> Result<Vec<Published>> {
        unreachable!("the delivery does not publish")
    }

    async fn status(&self, _: &Mailbox, _: &str) -> Result<Option<Status>> {
        Ok(None)
    }

    async fn list(&self, _: &Mailbox, _: Option<Position>, _: usize) -> Result<Vec<Status>> {
        unreachable!("the delivery does not list")
    }

    async fn tally(&self, _: &Mailbox) -> Result<Tally> {
        unreachable!("the delivery does not count")
    }

    async fn cancel(&self, _: &Mailbox, _: &str) -> Result<Cancelled> {
        unreachable!("the delivery does not cancel")
    }

    async fn prolong_key(&self, _: KeyRecord) -> Result<bool> {
        unreachable!("no key is issued here")
    }

    async fn bar_key(&self, _: KeyRecord) -> Result<bool> {
        unreachable!("no key is revoked here")
    }

    async fn put_key(&self, _: KeyRecord) -> Result<bool> {
        unreachable!("the delivery issues no keys")
    }

    async fn keys(&self, _: Option<&str>, _: usize) -> Result<Vec<KeyRecord>> {
        unreachable!("the delivery lists no keys")
    }

    async fn revoke_key(&self, _: &str) -> Result<bool> {
        unreachable!("the delivery revokes no keys")
    }

    async fn places(&self, _: &[Mailbox]) -> Result<Vec<Vec<(String, u32)>>> {
        unreachable!("the delivery does not ask who is where")
    }

    async fn keys_of(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<KeyRecord>> {
        unreachable!("the delivery lists no keys")
    }

    async fn channels(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<(String, u64)>> {
        unreachable!("the delivery lists no channels")
    }

    async fn record_uses(&self, _: Vec<(Arc<str>, KeyUse)>) -> Result<()> {
        self.held(|_| ()).await
    }

    async fn uses(&self, _: &[Arc<str>]) -> Result<Vec<Option<KeyUse>>> {
        unreachable!("the delivery does not ask for uses")
    }
}
