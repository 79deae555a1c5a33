//! The scheduler: offers each message to its sockets when it falls due, so many sockets at a time.
//! A mailbox with thousands of them holds up no other, and is held up by no other.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::task::{consume_budget, yield_now};
use tokio::time::sleep_until;

use super::Subscriber;
use super::hub::Hub;
use crate::clock::Millis;
use crate::message::{Mailbox, Message};

/// Sockets that are offered messages before others have their turn.
const SLICE: usize = 64;

/// Messages that have fallen due in a mailbox, and the sockets that are still to be offered them.
struct Due {
    mailbox: Mailbox,
    messages: Vec<Arc<Message>>,
    sockets: std::vec::IntoIter<Arc<Subscriber>>,
}

impl Due {
    /// Offers the messages to the next sockets. False once all have been.
    fn offer_slice(&mut self) -> bool {
        for socket in self.sockets.by_ref().take(SLICE) {
            for message in &self.messages {
                socket.offer(message);
            }
        }
        self.sockets.len() > 0
    }
}

impl Hub {
    /// Offers each message to its sockets when it falls due.
    pub(super) async fn schedule(self: Arc<Self>) {
        // What falls due in a mailbox stays behind what fell due there before.
        let mut waiting: VecDeque<Due> = VecDeque::new();
        loop {
            let next = self.lock().timers.first().map(|(at, _)| *at);
            let is_due = next.is_some_and(|at| at <= self.context.clock.now());
            if is_due {
                self.take_due(&mut waiting);
            }
            if let Some(mut due) = waiting.pop_front() {
                if due.offer_slice() {
                    waiting.push_front(due);
                }
                yield_now().await;
            } else if is_due {
                // Others have their turn when this has had its share. To yield each time would wake
                // another worker for nothing.
                consume_budget().await;
            } else if let Some(at) = next {
                tokio::select! {
                    () = sleep_until(self.context.clock.instant(at)) => {}
                    () = self.earlier.notified() => {}
                }
            } else {
                self.earlier.notified().await;
            }
        }
    }

    /// Takes what is due: small mailboxes are done at once, ahead of what waits of large ones.
    fn take_due(&self, waiting: &mut VecDeque<Due>) {
        for mut due in self.due() {
            if due.sockets.len() > SLICE || waiting.iter().any(|other| other.mailbox == due.mailbox)
            {
                waiting.push_back(due);
            } else {
                due.offer_slice();
            }
        }
    }

    fn due(&self) -> Vec<Due> {
        let now = self.context.clock.now();
        let mut state = self.lock();
        let later = Millis(now.0 + 1);
        let later = state.timers.split_off(&(later, Mailbox::from("")));
        let reached = std::mem::replace(&mut state.timers, later);
        let mailboxes: BTreeSet<Mailbox> =
            reached.into_iter().map(|(_, mailbox)| mailbox).collect();
        let due = mailboxes.into_iter().filter_map(|mailbox| {
            let channel = state.channels.get_mut(&mailbox)?;
            let messages = channel.take_due(now);
            let sockets = channel.subscribers.clone().into_iter();
            (!messages.is_empty()).then_some(Due {
                mailbox,
                messages,
                sockets,
            })
        });
        due.collect()
    }
}
