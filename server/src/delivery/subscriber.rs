//! One socket of a key: shows it what waits in its two mailboxes, in order, within its window, and repeats
//! what stays unacknowledged. Every entry point ends in `pump`, which emits what may be emitted now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::DefaultDirectRateLimiter;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::acknowledging;
use super::queue::Queue;
use super::shown::Shown;
use super::suspects::Standing;
use super::window::Window;
use super::{Context, Emission, Outlet};
use crate::keys::KeyRecord;
use crate::message::{Happening, Mailbox, Message, Note};
use crate::metrics::MessageState;
use crate::store::{Receipt, Waiting};

/// For how long a suspected message is in flight alone; a client that breaks at it has broken by then.
const TRIAL: Duration = Duration::from_secs(1);
/// From an emission that the transport did not take to the next try.
const FULL_PAUSE: Duration = Duration::from_millis(100);

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
    /// Whether messages of this namespace ask for an acknowledgement.
    acknowledged: bool,
    /// Bounds how often the store is asked for acknowledged messages.
    pub(super) looks: DefaultDirectRateLimiter,
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
    look_at: Option<Instant>,
    /// A task waits for the next repeat, until this moment.
    pub(super) repeating: Option<Instant>,
    /// A task reads the store.
    pub(super) reading: bool,
    /// Which mailbox it read last.
    pub(super) last_read: usize,
    pub(super) closed: bool,
}

/// What has left the queues.
#[derive(Default)]
pub(super) struct Past {
    pub(super) window: Window,
    /// What was shown, where no acknowledgement tells.
    shown: Shown,
    /// Poison, until it may be tried again.
    held_back: Vec<(Instant, Waiting)>,
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
            reading: false,
            last_read: 1,
            closed: false,
        };
        let mut unacknowledged = context.unacknowledged.iter();
        Arc::new(Self {
            acknowledged: !unacknowledged.any(|name| name == namespace),
            looks: acknowledging::looks(),
            key,
            socket,
            mailboxes,
            outlet,
            context,
            state: Mutex::new(state),
            earlier: Notify::new(),
        })
    }

    /// Takes a message that has fallen due.
    pub(super) fn offer(self: &Arc<Self>, message: &Arc<Message>) {
        let mut state = self.lock();
        if let Some(index) = self.index_of(message)
            && !state.past.knows(message)
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

    /// Which of the two mailboxes a message is from.
    pub(super) fn index_of(&self, message: &Message) -> Option<usize> {
        self.mailboxes
            .iter()
            .position(|mailbox| *mailbox == message.mailbox)
    }

    /// Notes what happened to a message with this key.
    pub(super) fn note(&self, message: &Arc<Message>, event: Happening) {
        let note = Note {
            at: self.context.clock.now(),
            event,
            key: self.key.id.clone(),
        };
        self.context.recorder.note(message.clone(), note);
    }

    /// Emits what may be emitted, then sees to it that the store is read and repeats are timed.
    pub(super) fn pump(self: &Arc<Self>, state: &mut State, on_time: bool) {
        if state.closed {
            return;
        }
        let now = Instant::now();
        state.look_at = None;
        for waiting in state.past.take_held_back(now) {
            if let Some(index) = self.index_of(&waiting.message) {
                state.queues[index].put_back(waiting);
            }
        }
        while let Some(index) = state.next_queue() {
            let Some(waiting) = state.queues[index].first().cloned() else {
                break;
            };
            if waiting.message.expires_at <= self.context.clock.now() {
                state.queues[index].pop();
                continue;
            }
            match self.allowed(state, &waiting.message, now) {
                Allowed::Emit { on_trial } => {
                    if !self.emit_first(state, &waiting, on_trial) {
                        state.look_at = Some(now + FULL_PAUSE);
                        break;
                    }
                    state.queues[index].pop();
                    self.after_first_emission(&waiting.message, waiting.redelivered, on_time);
                }
                Allowed::HoldBack(until) => {
                    state.queues[index].pop();
                    state.past.held_back.push((until, waiting));
                }
                Allowed::Wait(until) => {
                    state.look_at = until;
                    if on_time {
                        self.context.metrics.window_waits.inc();
                    }
                    break;
                }
            }
        }
        self.start_tasks(state);
    }

    /// What may be done with the message that comes next.
    fn allowed(&self, state: &State, message: &Message, now: Instant) -> Allowed {
        let (context, polling) = (&self.context, self.outlet.is_polling());
        // What is on trial is in flight alone, unless the client has lived with it for long enough.
        let trial_ends = state
            .on_trial
            .and_then(|number| state.past.window.get(number));
        let trial_ends = trial_ends.map(|entry| entry.first_emitted + TRIAL);
        if trial_ends.is_some_and(|end| end > now) {
            return Allowed::Wait(trial_ends);
        }
        let (tuning, most) = (&context.tuning, context.max_payload);
        let window = &state.past.window;
        let room = |on_trial| match window.has_room(polling, message, tuning, most) {
            true => Allowed::Emit { on_trial },
            false => Allowed::Wait(None),
        };
        match context.suspects.standing(&self.key.id, message, now) {
            _ if !self.acknowledged => Allowed::Emit { on_trial: false },
            Standing::HeldBack(until) => Allowed::HoldBack(until),
            // Others first, for as long as they can be on trial themselves.
            Standing::OnTrial => match state.past.window.last_emitted() {
                Some(last) if last + TRIAL > now => Allowed::Wait(Some(last + TRIAL)),
                _ => room(true),
            },
            Standing::Clear => room(false),
        }
    }

    /// Shows a message for the first time on this socket; false if the transport takes none now.
    fn emit_first(&self, state: &mut State, waiting: &Waiting, on_trial: bool) -> bool {
        let (message, clock) = (&waiting.message, &self.context.clock);
        let number = state.past.window.next_number();
        let asked = self.acknowledged.then_some(number);
        if !self.emit(message, asked, waiting.redelivered) {
            return false;
        }
        if self.acknowledged {
            let (now, expires) = (Instant::now(), clock.instant(message.expires_at));
            let tuning = &self.context.tuning;
            state
                .past
                .window
                .emitted(message.clone(), now, expires, tuning);
            state.on_trial = on_trial.then_some(number);
        } else {
            state.past.shown.insert(message, clock.now());
        }
        true
    }

    fn after_first_emission(&self, message: &Arc<Message>, redelivered: bool, on_time: bool) {
        let metrics = &self.context.metrics;
        if redelivered {
            metrics.redeliveries.inc();
        } else {
            metrics.count(MessageState::delivered, 1);
            self.context.recorder.push(Receipt {
                message: message.clone(),
                key: self.key.id.clone(),
                acknowledged: false,
            });
        }
        if on_time {
            let late = self.context.clock.micros() - message.deliver_at.0 * 1000;
            metrics.lateness.observe(late.max(0) as f64 / 1e6);
        }
    }

    pub(super) fn emit(&self, message: &Message, number: Option<u64>, redelivered: bool) -> bool {
        let sent_at = self.context.clock.now();
        let emitted = self.outlet.emit(&Emission {
            message,
            number,
            sent_at,
            expires_in: message.expires_at.since(sent_at),
            redelivered,
        });
        tracing::debug!(
            channel = %message.mailbox, message_id = message.id, connection = self.socket, number, redelivered, emitted,
            "emit",
        );
        emitted
    }

    fn start_tasks(self: &Arc<Self>, state: &mut State) {
        match (state.repeating, state.next_look()) {
            (None, Some(next)) => {
                state.repeating = Some(next);
                tokio::spawn(self.clone().repeat());
            }
            (Some(until), Some(next)) if next < until => self.earlier.notify_one(),
            _ => {}
        }
        if !state.reading && state.queues.iter().any(Queue::wants_page) {
            state.reading = true;
            tokio::spawn(self.clone().read());
        }
    }
}

/// What may be done with a message.
enum Allowed {
    Emit {
        on_trial: bool,
    },
    /// Nothing before this moment; others may pass.
    HoldBack(Instant),
    /// It comes next, but there is no room now; when to look again, unless something happens before.
    Wait(Option<Instant>),
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

impl Past {
    /// Whether the socket was shown the message and need not be again now.
    pub(super) fn knows(&self, message: &Message) -> bool {
        let mut held_back = self.held_back.iter().map(|(_, waiting)| &waiting.message);
        self.window.knows(message)
            || self.shown.contains(message)
            || held_back.any(|m| m.seq == message.seq && m.mailbox == message.mailbox)
    }

    /// What was held back long enough.
    fn take_held_back(&mut self, now: Instant) -> Vec<Waiting> {
        if self.held_back.is_empty() {
            return Vec::new();
        }
        let due = self.held_back.extract_if(.., |(until, _)| *until <= now);
        due.map(|(_, waiting)| waiting).collect()
    }
}
