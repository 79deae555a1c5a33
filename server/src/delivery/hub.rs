//! The hub: which sockets of this node are on which mailbox, and when the next message falls due.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use tokio::sync::{Notify, broadcast};

use super::channel::Channel;
use super::{Context, Subscriber};
use crate::clock::Millis;
use crate::message::{Mailbox, Message};
use crate::store::{Announcement, Store};

/// Keys that are asked for at once.
const KEYS_AT_ONCE: usize = 64;

/// See the module.
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
    keys: HashMap<Arc<str>, Vec<Arc<Subscriber>>>,
    /// Keys that the store is being asked for, because they are said to be revoked.
    checking: HashSet<Arc<str>>,
    /// Mailboxes whose number of sockets has changed since the store was told.
    pub(super) changed: HashSet<Mailbox>,
    /// Whether a recovery waits for its turn, and the store was emptied.
    pub(super) recovery: Option<bool>,
    /// Mailboxes that were never swept, or must be swept before their turn.
    pub(super) urgent: HashSet<Mailbox>,
}

impl State {
    /// How many sockets are on each mailbox of which the store does not know yet.
    pub(super) fn take_presence(&mut self) -> Vec<(Mailbox, u32)> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let sockets = |mailbox: &Mailbox| {
            let channel = self.channels.get(mailbox);
            channel.map_or(0, |channel| {
                u32::try_from(channel.subscribers.len()).unwrap_or(u32::MAX)
            })
        };
        changed
            .map(|mailbox| {
                let sockets = sockets(&mailbox);
                (mailbox, sockets)
            })
            .collect()
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
        for other in self.sockets_of(&subscriber.key.id) {
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
            state
                .keys
                .entry(subscriber.key.id.clone())
                .or_default()
                .push(subscriber.clone());
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
        if let Some(sockets) = state.keys.get_mut(&subscriber.key.id) {
            sockets.retain(|other| !Arc::ptr_eq(other, subscriber));
            if sockets.is_empty() {
                state.keys.remove(&subscriber.key.id);
            }
        }
    }

    /// Tells the key's other sockets on this node that it has acknowledged a message.
    pub fn settled(&self, by: &Arc<Subscriber>, message: &Arc<Message>) {
        for other in self.sockets_of(&by.key.id) {
            if !Arc::ptr_eq(&other, by) {
                other.settle(message);
            }
        }
    }

    /// The key's sockets on this node.
    #[must_use]
    pub fn sockets_of(&self, key: &str) -> Vec<Arc<Subscriber>> {
        self.lock().keys.get(key).cloned().unwrap_or_default()
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
        let has_sockets = self.lock().keys.contains_key(&key);
        if has_sockets && self.lock().checking.insert(key.clone()) {
            tokio::spawn(async move {
                self.check_key(&key).await;
                self.lock().checking.remove(&key);
            });
        }
    }

    /// The same for every key that has sockets here.
    pub(super) async fn check_keys(&self) {
        let keys: Vec<Arc<str>> = self.lock().keys.keys().cloned().collect();
        for some in keys.chunks(KEYS_AT_ONCE) {
            join_all(some.iter().map(|key| self.check_key(key))).await;
        }
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
                Ok(Announcement::Interrupted { emptied }) => self.clone().start_recovery(emptied),
                Err(broadcast::error::RecvError::Lagged(lost)) => {
                    tracing::warn!(lost, "announcements were lost; reading every mailbox");
                    // That of an interruption may be among them.
                    self.clone().start_recovery(false);
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
