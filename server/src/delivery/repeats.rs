//! Repeating what a socket does not acknowledge, and telling the client that does not read from the
//! one that forgets.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::Subscriber;
use super::subscriber::State;
use super::window::Due;
use crate::message::Happening;

impl Subscriber {
    /// Repeats unacknowledged messages at their time; ends when there is none.
    pub(super) async fn repeat(self: Arc<Self>) {
        loop {
            let next = {
                let mut state = self.lock();
                state.repeating = state.next_look().filter(|_| !state.closed);
                match state.repeating {
                    Some(next) => next,
                    None => return,
                }
            };
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.earlier.notified() => {}
            }
            let mut state = self.lock();
            if !state.closed {
                for number in state.past.window.due(Instant::now()) {
                    self.repeat_one(&mut state, number);
                    if state.closed {
                        break;
                    }
                }
                self.pump(&mut state, false);
            }
        }
    }

    /// Takes the client's word that it has a message and is not done with it: the message waits for
    /// its repeat anew. False where no such message is in flight on this socket.
    pub fn in_progress(&self, id: &str) -> bool {
        let mut state = self.lock();
        let now = Instant::now();
        state.past.window.in_progress(id, now, &self.context.tuning)
    }

    fn repeat_one(&self, state: &mut State, number: u64) {
        let Some(entry) = state.past.window.get(number) else {
            return;
        };
        let (message, repeats) = (entry.message.clone(), entry.repeats);
        let entry_expired = entry.expires <= Instant::now();
        let silent = self.outlet.last_heard() < entry.first_emitted;
        if entry_expired {
            state.past.window.expire(number);
        } else if silent && repeats > 0 {
            // It was probed at the first repeat, and has neither answered that nor anything else.
            self.outlet.cut_silent_client();
            state.closed = true;
            self.blame_for_end(state);
        } else if state
            .past
            .window
            .repeat(number, Instant::now(), &self.context.tuning)
            == Due::Repeat
        {
            if silent {
                self.outlet.probe();
            }
            let now = self.context.clock.moment();
            self.emit(&message, Some(number), true, now);
            self.context.metrics.redeliveries.inc();
        } else {
            self.give_up(state, number);
        }
    }

    fn give_up(&self, state: &mut State, number: u64) {
        let Some(entry) = state.past.window.remove(number) else {
            return;
        };
        let message = entry.message;
        if let Some(index) = self.index_of(&message) {
            state.queues[index].give_up(&message);
        }
        self.context.metrics.given_up.inc();
        self.note(&message, Happening::GivenUp);
        tracing::warn!(
            channel = %message.mailbox, message_id = message.id, connection = self.socket, key = %self.key.id,
            "never acknowledged on a live socket; it comes again after a reconnect. \
             Does the plugin call ack(message.id)?",
        );
    }
}
