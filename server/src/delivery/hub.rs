//! The hub: which sockets of this node are on which mailbox, and when the next message falls due.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use tokio::sync::{Notify, broadcast};

use super::channel::Channel;
use super::{Context, Subscriber};
use crate::clock::Millis;
use crate::keys::KeyUse;
use crate::message::{Mailbox, Message};
use crate::store::{Announcement, Parts, Store};

/// Keys that are asked for at once.
const KEYS_AT_ONCE: usize = 64;

/// All mailboxes that this node has sockets on, and the schedule of their messages.
pub struct Hub {
    pub(super) context: Arc<Context>,
    state: Mutex<State>,
    /// A message falls due earlier than the scheduler knows, or the clock was corrected.
    pub(super) earlier: Notify,
    /// A mailbox has to be read soon.
    pub(super) sweep_now: Notify,
    /// The store's clock may be another one.
    pub(super) measure_now: Notify,
    /// Held while what the store has lost is put back.
    pub(super) recovering: tokio::sync::Mutex<()>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) channels: HashMap<Mailbox, Channel>,
    pub(super) timers: BTreeSet<(Millis, Mailbox)>,
    /// Sockets by what their keys' receipts are kept under.
    readers: HashMap<Arc<str>, Vec<Arc<Subscriber>>>,
    /// The same of keys that have replaced others, by their own ids.
    replaced: HashMap<Arc<str>, Arc<str>>,
    /// Keys that the store is being asked for, because they are said to be revoked.
    checking: HashSet<Arc<str>>,
    /// Mailboxes whose number of sockets has changed since the store was told.
    pub(super) changed: HashSet<Mailbox>,
    /// Whether a recovery waits for its turn, and the store was emptied.
    pub(super) recovery: Option<(bool, Parts)>,
    /// Mailboxes that were never swept, or must be swept before their turn.
    pub(super) urgent: HashSet<Mailbox>,
    /// Keys that were used since the store was told.
    pub(super) used: HashMap<Arc<str>, KeyUse>,
}

impl State {
    /// How many sockets are on each mailbox of which the store does not know yet, and of each key.
    pub(super) fn take_presence(&mut self) -> Vec<(Mailbox, u32)> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let sockets = |mailbox: &Mailbox| match mailbox.key_id() {
            Some(key) => self.sockets_of(key).len(),
            None => self.channels.get(mailbox).map_or(0, Channel::recipients),
        };
        changed
            .map(|mailbox| {
                let sockets = u32::try_from(sockets(&mailbox)).unwrap_or(u32::MAX);
                (mailbox, sockets)
            })
            .collect()
    }

    /// The sockets of the key with this id.
    fn sockets_of(&self, key: &str) -> Vec<Arc<Subscriber>> {
        let reader = self.replaced.get(key).map_or(key, |reader| reader);
        let sockets = self.readers.get(reader).into_iter().flatten();
        let own = sockets.filter(|subscriber| *subscriber.key.id == *key);
        own.cloned().collect()
    }

    /// The ids of all keys that have sockets here.
    pub(super) fn key_ids(&self) -> HashSet<Arc<str>> {
        let sockets = self.readers.values().flatten();
        sockets
            .map(|subscriber| subscriber.key.id.clone())
            .collect()
    }

    fn add(&mut self, subscriber: &Arc<Subscriber>) {
        let (id, reader) = (&subscriber.key.id, subscriber.key.reader());
        if id != reader {
            self.replaced.insert(id.clone(), reader.clone());
        }
        let sockets = self.readers.entry(reader.clone()).or_default();
        sockets.push(subscriber.clone());
        if sockets.len() > 1 {
            sockets.iter().for_each(|socket| socket.has_sibling());
        }
    }

    fn remove(&mut self, subscriber: &Arc<Subscriber>) {
        let (id, reader) = (&subscriber.key.id, subscriber.key.reader());
        let Some(sockets) = self.readers.get_mut(reader) else {
            return;
        };
        sockets.retain(|other| !Arc::ptr_eq(other, subscriber));
        if sockets.iter().all(|other| other.key.id != *id) {
            self.replaced.remove(id);
        }
        if sockets.is_empty() {
            self.readers.remove(reader);
        }
    }

    /// Notes that a socket has joined, or left at `left`.
    fn note_use(&mut self, subscriber: &Subscriber, now: Millis, left: bool) {
        let id = &subscriber.key.id;
        self.changed.insert(Mailbox::of_key(id));
        let left_at = (left && self.sockets_of(id).is_empty()).then_some(now);
        if left && left_at.is_none() {
            return;
        }
        // One moment for both: the store tells connections apart by it.
        let used = KeyUse {
            first_at: subscriber.joined_at,
            joined_at: subscriber.joined_at,
            left_at,
            node: subscriber.context.node.clone(),
            namespace: subscriber.mailboxes[0].namespace().to_owned(),
            client: subscriber.outlet.client_info(),
        };
        self.used.insert(id.clone(), used);
    }
}

impl Hub {
    /// A hub without sockets; `start` sets it to work.
    #[must_use]
    pub fn new(context: Arc<Context>) -> Arc<Self> {
        Arc::new(Self {
            context,
            state: Mutex::default(),
            earlier: Notify::new(),
            sweep_now: Notify::new(),
            measure_now: Notify::new(),
            recovering: tokio::sync::Mutex::default(),
        })
    }

    /// Starts the hub's tasks: they live as long as the process.
    pub async fn start(self: &Arc<Self>) {
        let hub = Arc::downgrade(self);
        let wanted = move |mailbox: &str| {
            let hub = hub.upgrade();
            hub.is_some_and(|hub| hub.lock().channels.contains_key(mailbox))
        };
        let announcements = self.context.store.announcements(Arc::new(wanted)).await;
        // Until the clocks have been looked at for a while.
        self.context.metrics.expiry_held.set(1);
        let tasks = &self.context.tasks;
        tasks.spawn("listen", self.clone().listen(announcements));
        tasks.spawn("schedule", self.clone().schedule());
        tasks.spawn("sweep", self.clone().sweep());
        tasks.spawn("tell_presence", self.clone().tell_presence());
        tasks.spawn("follow_clock", self.clone().follow_clock());
        tasks.spawn("follow_wall_clock", self.clone().follow_wall_clock());
        tasks.spawn("retire_expired", self.clone().retire_expired());
    }

    /// Puts a socket on its mailboxes; it is shown what waits there.
    pub fn join(&self, subscriber: &Arc<Subscriber>) {
        for other in self.others_of_reader(subscriber) {
            if other.mailboxes == subscriber.mailboxes {
                other.blame_for_successor();
            }
        }
        {
            let mut state = self.lock();
            let now = self.context.clock.now();
            for mailbox in &subscriber.mailboxes {
                let State {
                    channels,
                    urgent,
                    changed,
                    ..
                } = &mut *state;
                let channel = channels.entry(mailbox.clone()).or_insert_with(|| {
                    urgent.insert(mailbox.clone());
                    Channel::starting_at(now)
                });
                channel.subscribers.push(subscriber.clone());
                changed.insert(mailbox.clone());
            }
            state.add(subscriber);
            state.note_use(subscriber, now, false);
        }
        self.sweep_now.notify_one();
        subscriber.wake();
    }

    /// Takes a socket off its mailboxes.
    pub fn leave(&self, subscriber: &Arc<Subscriber>) {
        subscriber.close();
        let mut state = self.lock();
        for mailbox in &subscriber.mailboxes {
            let Some(channel) = state.channels.get_mut(mailbox) else {
                continue;
            };
            channel
                .subscribers
                .retain(|other| !Arc::ptr_eq(other, subscriber));
            if channel.subscribers.is_empty() {
                state.channels.remove(mailbox);
                state.urgent.remove(mailbox);
            }
            state.changed.insert(mailbox.clone());
        }
        state.remove(subscriber);
        state.note_use(subscriber, self.context.clock.now(), true);
    }

    /// Tells the key's other sockets on this node that it has acknowledged a message.
    pub fn settled(&self, by: &Arc<Subscriber>, message: &Arc<Message>) {
        if !by.may_have_siblings() {
            return;
        }
        for other in self.others_of_reader(by) {
            other.settle(message);
        }
    }

    /// Whether messages of a mailbox have a recipient on this node.
    #[must_use]
    pub fn has_recipient(&self, mailbox: &Mailbox) -> bool {
        let state = self.lock();
        let channel = state.channels.get(mailbox);
        channel.is_some_and(Channel::has_recipient)
    }

    /// How many times a message is to be emitted within the horizon.
    #[must_use]
    pub fn deliveries_ahead(&self) -> u64 {
        let state = self.lock();
        let ahead = state.channels.values().map(Channel::deliveries_ahead);
        ahead.sum()
    }

    /// The key's sockets on this node.
    #[must_use]
    pub fn sockets_of(&self, key: &str) -> Vec<Arc<Subscriber>> {
        self.lock().sockets_of(key)
    }

    /// The other sockets on this node whose receipts are kept together with this one's.
    fn others_of_reader(&self, subscriber: &Arc<Subscriber>) -> Vec<Arc<Subscriber>> {
        let state = self.lock();
        let sockets = state.readers.get(subscriber.key.reader());
        let others = sockets.into_iter().flatten();
        others
            .filter(|other| !Arc::ptr_eq(other, subscriber))
            .cloned()
            .collect()
    }

    /// Sends the key's sockets away if the store no longer has it: the announcement of that may be
    /// lost, or come before the socket does. A store that is away says nothing of a key.
    pub async fn check_key(&self, key: &str) {
        // Those that come while the store answers have been looked up after the question.
        let asked_for = self.sockets_of(key);
        if let Ok(found) = self.context.store.key(key).await {
            asked_for
                .iter()
                .filter(|subscriber| subscriber.key.is_revoked_by(found.as_ref()))
                .for_each(|subscriber| subscriber.dismiss());
        }
    }

    /// The same without waiting for it; once at a time for each key.
    fn start_key_check(self: Arc<Self>, key: Arc<str>) {
        let has_sockets = !self.lock().sockets_of(&key).is_empty();
        if has_sockets && self.lock().checking.insert(key.clone()) {
            tokio::spawn(async move {
                self.check_key(&key).await;
                self.lock().checking.remove(&key);
            });
        }
    }

    /// The same for every key of these parts of the store that has sockets here.
    pub(super) async fn check_keys(&self, parts: Parts) {
        let keys = self.lock().key_ids().into_iter();
        let of_parts = keys.filter(|id| self.is_in(&Mailbox::of_key(id), parts));
        let keys: Vec<Arc<str>> = of_parts.collect();
        for some in keys.chunks(KEYS_AT_ONCE) {
            join_all(some.iter().map(|key| self.check_key(key))).await;
        }
    }

    /// Whether a mailbox is in these parts of the store.
    pub(super) fn is_in(&self, mailbox: &Mailbox, parts: Parts) -> bool {
        parts.contains(self.context.store.part_of(mailbox))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the scheduler to look at a mailbox at these times.
    pub(super) fn look_at(
        &self,
        state: &mut State,
        mailbox: &Mailbox,
        times: impl IntoIterator<Item = Millis>,
    ) {
        let first = state.timers.first().map(|(at, _)| *at);
        state
            .timers
            .extend(times.into_iter().map(|at| (at, mailbox.clone())));
        if state.timers.first().map(|(at, _)| *at) != first {
            self.earlier.notify_one();
        }
    }

    async fn listen(self: Arc<Self>, mut announcements: broadcast::Receiver<Announcement>) {
        loop {
            match announcements.recv().await {
                Ok(Announcement::Published(message)) => self.published(&message),
                Ok(Announcement::Cancelled(mailbox, position)) => {
                    if let Some(channel) = self.lock().channels.get_mut(&mailbox) {
                        channel.cancel(position);
                    }
                }
                // The store knows better than whoever may announce.
                Ok(Announcement::Revoked(key)) => self.clone().start_key_check(key),
                Ok(Announcement::Unproved(mailbox)) => {
                    self.context.metrics.announcements_unproved.inc();
                    if let Some(mailbox) = mailbox {
                        tracing::debug!(%mailbox, "announced without proof; reading the mailbox");
                        self.read_channel_anew(&mailbox);
                    }
                }
                Ok(Announcement::Banned(ban)) => {
                    // Nobody listens while a node starts or stops.
                    let _ = self.context.bans.send(ban);
                }
                Ok(Announcement::PutBack(mailbox)) => self.read_channel_anew(&mailbox),
                Ok(Announcement::Interrupted { emptied, parts }) => {
                    self.clone().start_recovery(emptied, parts);
                }
                Err(broadcast::error::RecvError::Lagged(lost)) => {
                    tracing::warn!(lost, "announcements were lost; reading every mailbox");
                    // That of an interruption may be among them.
                    self.clone().start_recovery(false, Parts::ALL);
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    fn published(&self, message: &Arc<Message>) {
        let horizon = self.context.clock.now().plus(self.context.tuning.horizon);
        let mut state = self.lock();
        let Some(channel) = state.channels.get_mut(&message.mailbox) else {
            return;
        };
        let at = channel.announce(message, horizon);
        self.look_at(&mut state, &message.mailbox, at);
    }
}
