//! One socket of a key: shows it what waits in its two mailboxes, in order, within its window, and
//! repeats what stays unacknowledged. Every entry point ends in `pump`, which emits what may be
//! emitted now; see `emitting`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::DefaultDirectRateLimiter;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::acknowledging;
use super::queue::Queue;
use super::shown::Shown;
use super::window::Window;
use super::{Context, Outlet};
use crate::clock::Millis;
use crate::keys::KeyRecord;
use crate::message::{Happening, Mailbox, Message, Note};
use crate::receipts::{KeyReceipt, Outcome};
use crate::store::{Receipt, Waiting};

/// One socket of a key, with its two mailboxes and its window.
pub struct Subscriber {
    /// The key that the socket joined with.
    pub key: Arc<KeyRecord>,
    /// The socket's name in logs: its session's.
    pub socket: String,
    /// The channel's mailbox, then that of everyone in the namespace.
    pub mailboxes: [Mailbox; 2],
    /// When it joined.
    pub(super) joined_at: Millis,
    pub(super) outlet: Arc<dyn Outlet>,
    pub(super) context: Arc<Context>,
    /// Whether its messages ask for an acknowledgement.
    pub(super) acknowledged: bool,
    /// Bounds how often the store is asked for acknowledged messages.
    pub(super) looks: DefaultDirectRateLimiter,
    /// Whether its key has had another socket on this node meanwhile.
    has_siblings: AtomicBool,
    state: Mutex<State>,
    /// Wakes the task that waits for the next repeat: it is due earlier, or the socket has ended.
    pub(super) earlier: Notify,
}

/// What a socket is at, behind its lock.
pub(super) struct State {
    pub(super) queues: [Queue; 2],
    pub(super) past: Past,
    /// The number of the message that is in flight alone, because sessions have ended on it.
    pub(super) on_trial: Option<u64>,
    /// Emissions up to this number have been suspected.
    pub(super) blamed: u64,
    /// When to look again at what could not be emitted.
    pub(super) look_at: Option<Instant>,
    /// A task waits for the next repeat, until this moment.
    pub(super) repeating: Option<Instant>,
    /// Of each mailbox, whether a task reads it.
    pub(super) reading: [bool; 2],
    pub(super) closed: bool,
}

/// What has left the queues.
#[derive(Default)]
pub(super) struct Past {
    pub(super) window: Window,
    /// What was shown, where no acknowledgement tells.
    pub(super) shown: Shown,
    /// Poison, until it may be tried again.
    pub(super) held_back: Vec<(Instant, Waiting)>,
}

impl Subscriber {
    /// A socket that has joined `namespace` with `key`.
    pub fn new(
        namespace: &str,
        key: Arc<KeyRecord>,
        socket: String,
        outlet: Arc<dyn Outlet>,
        context: Arc<Context>,
    ) -> Arc<Self> {
        let mailboxes = [
            Mailbox::channel(namespace, &key.channel),
            Mailbox::everyone(namespace),
        ];
        let state = State {
            queues: [Queue::new(), Queue::new()],
            past: Past::default(),
            on_trial: None,
            blamed: 0,
            look_at: None,
            repeating: None,
            reading: [false; 2],
            closed: false,
        };
        let mut unacknowledged = context.unacknowledged.iter();
        Arc::new(Self {
            acknowledged: !key.watch && !unacknowledged.any(|name| name == namespace),
            joined_at: context.clock.now(),
            looks: acknowledging::looks(),
            has_siblings: AtomicBool::new(false),
            key,
            socket,
            mailboxes,
            outlet,
            context,
            state: Mutex::new(state),
            earlier: Notify::new(),
        })
    }

    /// Notes that its key has another socket on this node.
    pub(super) fn has_sibling(&self) {
        self.has_siblings.store(true, Ordering::Release);
    }

    /// Whether its key may have another socket on this node.
    pub(super) fn may_have_siblings(&self) -> bool {
        self.has_siblings.load(Ordering::Acquire)
    }

    /// Takes a message of one of its mailboxes that has fallen due.
    pub(super) fn offer(self: &Arc<Self>, message: &Arc<Message>) {
        let mut state = self.lock();
        if !self.key.gets(message.deliver_at)
            || state.past.knows(message)
            || self.pass(&mut state, message)
        {
            return;
        }
        state.queues[Self::queue_of(message)].offer(message);
        self.pump(&mut state, true);
    }

    /// Shows what waits; called on joining, and whenever something may have changed.
    pub(super) fn wake(self: &Arc<Self>) {
        self.pump(&mut self.lock(), false);
    }

    /// Has the store read from the start: messages may be missing here.
    pub(super) fn read_anew(self: &Arc<Self>) {
        let mut state = self.lock();
        state.queues.iter_mut().for_each(Queue::distrust);
        self.pump(&mut state, false);
    }

    /// What it has in memory of the store's messages.
    pub(super) fn held(&self) -> Vec<Arc<Message>> {
        let state = self.lock();
        let waiting = state.queues.iter().flat_map(Queue::held);
        let held_back = state
            .past
            .held_back
            .iter()
            .map(|(_, waiting)| &waiting.message);
        let held = waiting.chain(state.past.window.held()).chain(held_back);
        held.cloned().collect()
    }

    /// Drops a message that another socket of the same key has acknowledged.
    pub(super) fn settle(self: &Arc<Self>, message: &Arc<Message>) {
        let mut state = self.lock();
        state.settle(self.index_of(message), message);
        state.past.window.settle(message);
        self.pump(&mut state, false);
    }

    /// Sends the client away: its key was revoked or has expired.
    pub fn dismiss(&self) {
        self.close();
        self.outlet.dismiss();
    }

    /// Ends the socket: nothing more is emitted.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        if !state.closed {
            state.closed = true;
            self.blame_for_end(&mut state);
            self.earlier.notify_one();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue of a message that is from one of the two mailboxes.
    pub(super) fn queue_of(message: &Message) -> usize {
        usize::from(message.mailbox.channel_name().is_none())
    }

    /// Which of the two mailboxes a message is from.
    pub(super) fn index_of(&self, message: &Message) -> Option<usize> {
        self.mailboxes
            .iter()
            .position(|mailbox| *mailbox == message.mailbox)
    }

    /// Records what this key got of a message. A key that only watches gets nothing.
    pub(super) fn record(
        &self,
        message: &Arc<Message>,
        emitted_at: Option<Millis>,
        acknowledged: Option<(Millis, Outcome)>,
    ) {
        if self.key.watch {
            return;
        }
        self.context.recorder.push(Receipt {
            message: message.clone(),
            of_key: KeyReceipt {
                key: self.key.reader().clone(),
                node: self.context.node.clone(),
                emitted_at,
                acknowledged,
            },
        });
    }

    /// Notes what happened to a message with this key.
    pub(super) fn note(&self, message: &Arc<Message>, event: Happening) {
        let note = Note {
            at: self.context.clock.now(),
            event,
            key: self.key.reader().clone(),
        };
        self.context.recorder.note(message.clone(), note);
    }
}

impl State {
    /// Takes a message out of what waits: its key has acknowledged it.
    pub(super) fn settle(&mut self, index: Option<usize>, message: &Message) {
        if let Some(index) = index {
            self.queues[index].settle(message);
        }
        self.past
            .held_back
            .retain(|(_, w)| w.message.seq != message.seq || w.message.mailbox != message.mailbox);
    }

    /// When the task that repeats has to look next.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let held_back = self.past.held_back.iter().map(|(until, _)| *until);
        let held_back = held_back.min();
        let next = [self.past.window.next_repeat(), self.look_at, held_back];
        next.into_iter().flatten().min()
    }

    /// Whether anything waits to be shown, or is held back.
    pub(super) fn has_something_to_show(&self) -> bool {
        let queues = self.queues.iter();
        !self.past.held_back.is_empty() || queues.map(Queue::first).any(|first| first.is_some())
    }

    /// Whether nothing is missing in the queues: what falls due is all there is to show.
    pub(super) fn keeps_up(&self) -> bool {
        self.queues.iter().all(Queue::keeps_up)
    }

    /// The queue whose first message comes first.
    pub(super) fn next_queue(&self) -> Option<usize> {
        let positions = self
            .queues
            .each_ref()
            .map(|q| q.first().map(|waiting| waiting.message.position()));
        match positions {
            [None, None] => None,
            [Some(_), None] => Some(0),
            [None, Some(_)] => Some(1),
            [Some(channel), Some(everyone)] => Some(usize::from(everyone < channel)),
        }
    }
}

impl Past {
    /// Whether the socket was shown the message and need not be again now.
    pub(super) fn knows(&self, message: &Message) -> bool {
        let mut held_back = self.held_back.iter().map(|(_, waiting)| &waiting.message);
        self.window.knows(message)
            || self.shown.contains(message)
            || held_back.any(|m| m.seq == message.seq && m.mailbox == message.mailbox)
    }

    /// What was held back long enough.
    pub(super) fn take_held_back(&mut self, now: Instant) -> Vec<Waiting> {
        if self.held_back.is_empty() {
            return Vec::new();
        }
        let due = self.held_back.extract_if(.., |(until, _)| *until <= now);
        due.map(|(_, waiting)| waiting).collect()
    }
}
