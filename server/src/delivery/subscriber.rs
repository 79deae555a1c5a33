//! One socket of a key: shows it what waits in its two mailboxes, in order, within its window, and repeats
//! what stays unacknowledged. Every entry point ends in `pump`, which emits what may be emitted now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::queue::Queue;
use super::window::{Acknowledged, Window};
use super::{Context, Emission, Outlet};
use crate::keys::KeyRecord;
use crate::message::{Mailbox, Message};
use crate::metrics::MessageState;
use crate::store::Receipt;

/// Why an acknowledgement was ignored: it names nothing in flight, or another message.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused;

/// See the module.
pub struct Subscriber {
    /// The key that the socket joined with.
    pub key: Arc<KeyRecord>,
    /// The socket's name in logs: its session's.
    pub socket: String,
    /// The channel's mailbox, then that of everyone in the namespace.
    pub mailboxes: [Mailbox; 2],
    pub(super) outlet: Arc<dyn Outlet>,
    pub(super) context: Arc<Context>,
    state: Mutex<State>,
    /// Wakes the task that waits for the next repeat, to end with the socket.
    pub(super) ended: Notify,
}

/// What a socket is at, behind its lock.
pub(super) struct State {
    pub(super) queues: [Queue; 2],
    pub(super) window: Window,
    /// A task waits for the next repeat.
    pub(super) repeating: bool,
    /// A task reads the store.
    pub(super) reading: bool,
    /// Which mailbox it read last.
    pub(super) last_read: usize,
    pub(super) closed: bool,
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
            window: Window::default(),
            repeating: false,
            reading: false,
            last_read: 1,
            closed: false,
        };
        Arc::new(Self {
            key,
            socket,
            mailboxes,
            outlet,
            context,
            state: Mutex::new(state),
            ended: Notify::new(),
        })
    }

    /// Takes a message that has fallen due.
    pub(super) fn offer(self: &Arc<Self>, message: &Arc<Message>) {
        let mut state = self.lock();
        if let Some(index) = self.index_of(message)
            && !state.window.knows(message)
        {
            state.queues[index].offer(message);
            self.pump(&mut state, true);
        }
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
        waiting.chain(state.window.held()).cloned().collect()
    }

    /// Takes a client's acknowledgement; returns the message, unless it was settled before.
    ///
    /// # Errors
    /// When it settles nothing: number and id must both be those of a message in flight on this socket.
    pub fn acknowledge(
        self: &Arc<Self>,
        number: u64,
        id: &str,
    ) -> Result<Option<Arc<Message>>, Refused> {
        let mut state = self.lock();
        let message = match state.window.acknowledged(number, id) {
            Acknowledged::Now(message) => message,
            Acknowledged::Before => return Ok(None),
            Acknowledged::Unknown => return Err(Refused),
        };
        // A page that is being read may be older than this acknowledgement.
        if let Some(index) = self.index_of(&message) {
            state.queues[index].settle(&message);
        }
        self.record(&message, true);
        self.context.metrics.count(MessageState::acknowledged, 1);
        tracing::debug!(channel = %message.mailbox, message_id = message.id, connection = self.socket, "acknowledged");
        self.pump(&mut state, false);
        Ok(Some(message))
    }

    /// Drops a message that another socket of the same key has acknowledged.
    pub(super) fn settle(self: &Arc<Self>, message: &Arc<Message>) {
        let mut state = self.lock();
        if let Some(index) = self.index_of(message) {
            state.queues[index].settle(message);
            state.window.settle(message);
            self.pump(&mut state, false);
        }
    }

    /// Sends the client away: its key was revoked or has expired.
    pub fn dismiss(&self) {
        self.close();
        self.outlet.dismiss();
    }

    /// Ends the socket: nothing more is emitted.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ended.notify_one();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which of the two mailboxes a message is from.
    pub(super) fn index_of(&self, message: &Message) -> Option<usize> {
        self.mailboxes
            .iter()
            .position(|mailbox| *mailbox == message.mailbox)
    }

    fn record(&self, message: &Arc<Message>, acknowledged: bool) {
        self.context.recorder.push(Receipt {
            message: message.clone(),
            key: self.key.id.clone(),
            acknowledged,
        });
    }

    /// Emits what the window allows, then sees to it that the store is read and repeats are timed.
    pub(super) fn pump(self: &Arc<Self>, state: &mut State, on_time: bool) {
        if state.closed {
            return;
        }
        let polling = self.outlet.is_polling();
        while let Some(index) = state.next_queue() {
            let Some(waiting) = state.queues[index].first().cloned() else {
                break;
            };
            if waiting.message.expires_at <= self.context.clock.now() {
                state.queues[index].pop();
                continue;
            }
            let tuning = &self.context.tuning;
            if !state
                .window
                .has_room(polling, &waiting.message, tuning, self.context.max_payload)
            {
                if on_time {
                    self.context.metrics.window_waits.inc();
                }
                break;
            }
            if !self.emit(
                &waiting.message,
                state.window.next_number(),
                waiting.redelivered,
            ) {
                break;
            }
            state.queues[index].pop();
            let expires = self.context.clock.instant(waiting.message.expires_at);
            state
                .window
                .emitted(waiting.message.clone(), Instant::now(), expires, tuning);
            self.after_first_emission(&waiting.message, waiting.redelivered, on_time);
        }
        self.start_tasks(state);
    }

    fn after_first_emission(&self, message: &Arc<Message>, redelivered: bool, on_time: bool) {
        let metrics = &self.context.metrics;
        if redelivered {
            metrics.redeliveries.inc();
        } else {
            metrics.count(MessageState::delivered, 1);
            self.record(message, false);
        }
        if on_time {
            let late = self.context.clock.micros() - message.deliver_at.0 * 1000;
            metrics.lateness.observe(late.max(0) as f64 / 1e6);
        }
    }

    pub(super) fn emit(&self, message: &Message, number: u64, redelivered: bool) -> bool {
        let expires_in = message.expires_at.since(self.context.clock.now());
        let emitted = self.outlet.emit(&Emission {
            message,
            number,
            expires_in,
            redelivered,
        });
        tracing::debug!(
            channel = %message.mailbox, message_id = message.id, connection = self.socket, number, redelivered, emitted,
            "emit",
        );
        emitted
    }

    fn start_tasks(self: &Arc<Self>, state: &mut State) {
        if !state.repeating && state.window.next_repeat().is_some() {
            state.repeating = true;
            tokio::spawn(self.clone().repeat());
        }
        if !state.reading && state.queues.iter().any(Queue::wants_page) {
            state.reading = true;
            tokio::spawn(self.clone().read());
        }
    }
}

impl State {
    /// The queue whose first message comes first.
    fn next_queue(&self) -> Option<usize> {
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
