//! What one socket is shown now: everything that waits and may be emitted, in order. Every entry
//! point of a subscriber ends in `pump`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::subscriber::State;
use super::suspects::Standing;
use super::{Emission, Subscriber};
use crate::clock::Moment;
use crate::message::Message;
use crate::metrics::MessageState;
use crate::store::Waiting;

/// For how long a suspected message is in flight alone; a client that breaks at it has broken by
/// then.
const TRIAL: Duration = Duration::from_secs(1);
/// From an emission that the transport did not take to the next try.
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// What may be done with a message.
enum Allowed {
    Emit {
        on_trial: bool,
    },
    /// Nothing before this moment; others may pass.
    HoldBack(Instant),
    /// It comes next, but there is no room now; when to look again, unless something happens
    /// before.
    Wait(Option<Instant>),
}

impl Subscriber {
    /// Emits what may be emitted, then sees to it that the store is read and repeats are timed.
    pub(super) fn pump(self: &Arc<Self>, state: &mut State, on_time: bool) {
        if state.closed {
            return;
        }
        state.look_at = None;
        if state.has_something_to_show() {
            self.show(state, on_time);
        }
        self.start_tasks(state);
    }

    /// Emits a message that has fallen due where nothing else waits, past the queues. False if it
    /// must wait in its queue.
    pub(super) fn pass(self: &Arc<Self>, state: &mut State, message: &Arc<Message>) -> bool {
        if state.closed || state.has_something_to_show() || !state.keeps_up() {
            return false;
        }
        let now = self.context.clock.moment();
        let waiting = Waiting {
            message: message.clone(),
            redelivered: false,
        };
        let Allowed::Emit { on_trial } = self.allowed(state, message, now.instant) else {
            return false;
        };
        if message.expires_at <= now.millis() || !self.emit_first(state, &waiting, on_trial, now) {
            return false;
        }
        self.after_first_emission(&waiting, true, now);
        self.start_tasks(state);
        true
    }

    fn show(&self, state: &mut State, on_time: bool) {
        let begun = Instant::now();
        for waiting in state.past.take_held_back(begun) {
            if let Some(index) = self.index_of(&waiting.message) {
                state.queues[index].put_back(waiting);
            }
        }
        while let Some(index) = state.next_queue() {
            let Some(waiting) = state.queues[index].first().cloned() else {
                break;
            };
            let now = self.context.clock.moment();
            if waiting.message.expires_at <= now.millis() {
                state.queues[index].pop();
                continue;
            }
            match self.allowed(state, &waiting.message, now.instant) {
                Allowed::Emit { on_trial } => {
                    if !self.emit_first(state, &waiting, on_trial, now) {
                        state.look_at = Some(now.instant + FULL_PAUSE);
                        break;
                    }
                    state.queues[index].pop();
                    self.after_first_emission(&waiting, on_time, now);
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
    }

    /// What may be done with the message that comes next.
    fn allowed(&self, state: &State, message: &Message, now: Instant) -> Allowed {
        if !self.acknowledged {
            return Allowed::Emit { on_trial: false };
        }
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
        match context.suspects.standing(self.key.reader(), message, now) {
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
    fn emit_first(
        &self,
        state: &mut State,
        waiting: &Waiting,
        on_trial: bool,
        now: Moment,
    ) -> bool {
        let message = &waiting.message;
        let number = state.past.window.next_number();
        let asked = self.acknowledged.then_some(number);
        if !self.emit(message, asked, waiting.redelivered, now) {
            return false;
        }
        if self.acknowledged {
            let expires = now.instant_of(message.expires_at);
            let (window, tuning) = (&mut state.past.window, &self.context.tuning);
            window.emitted(message.clone(), now.instant, expires, tuning);
            state.on_trial = on_trial.then_some(number);
        } else {
            state.past.shown.insert(message, now.millis());
        }
        true
    }

    fn after_first_emission(&self, waiting: &Waiting, on_time: bool, now: Moment) {
        let (message, metrics) = (&waiting.message, &self.context.metrics);
        if waiting.redelivered {
            metrics.redeliveries.inc();
        } else if !self.key.watch {
            metrics.count(MessageState::delivered, 1);
            self.record(message, Some(now.millis()), None);
        }
        if on_time {
            let late = now.micros - message.deliver_at.0 * 1000;
            metrics.lateness.observe(late.max(0) as f64 / 1e6);
        }
    }

    pub(super) fn emit(
        &self,
        message: &Message,
        number: Option<u64>,
        redelivered: bool,
        now: Moment,
    ) -> bool {
        let sent_at = now.millis();
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
        for (index, queue) in state.queues.iter().enumerate() {
            if queue.wants_page() && !std::mem::replace(&mut state.reading[index], true) {
                tokio::spawn(self.clone().read(index));
            }
        }
    }
}
