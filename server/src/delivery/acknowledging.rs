//! Acknowledgements: of what is in flight on this socket, and of what another socket of the key was
//! shown, before or after it has expired.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::window::Acknowledged;
use super::{Hub, Subscriber};
use crate::message::{Happening, Message};
use crate::metrics::MessageState;
use crate::receipts::Outcome;
use crate::store::{Result, Store};

/// Looks into the store for acknowledgements of one socket: at once, and then each second.
const LOOKS_BURST: NonZeroU32 = NonZeroU32::new(256).unwrap();
const LOOKS_PER_SECOND: NonZeroU32 = NonZeroU32::new(4).unwrap();

/// Why an acknowledgement was ignored: it names nothing that it could settle.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused;

/// What an acknowledgement has done.
#[derive(Debug, Clone)]
pub enum Settled {
    /// It has settled this message for its key.
    Now(Arc<Message>),
    /// The message was settled before.
    Before,
    /// The message had expired; that is noted.
    Late,
}

/// What an acknowledgement by id has done.
#[derive(Debug, Clone)]
pub enum ById {
    /// It was of a message that this socket was shown lately.
    Here(Settled),
    /// The store has to be asked.
    Elsewhere,
    /// The socket has asked too often.
    TooMany,
}

pub(super) fn looks() -> DefaultDirectRateLimiter {
    RateLimiter::direct(Quota::per_second(LOOKS_PER_SECOND).allow_burst(LOOKS_BURST))
}

impl Subscriber {
    /// Takes a client's acknowledgement by the number of the emission.
    ///
    /// # Errors
    /// When it settles nothing: number and id must both be those of a message that was shown on
    /// this socket.
    pub fn acknowledge(
        self: &Arc<Self>,
        number: u64,
        id: &str,
        outcome: Outcome,
    ) -> std::result::Result<Settled, Refused> {
        let mut state = self.lock();
        let message = match state.past.window.acknowledged(number, id) {
            Acknowledged::Now(message) => message,
            Acknowledged::Before => return Ok(Settled::Before),
            Acknowledged::Late(message) => {
                self.acknowledged_late(&message);
                return Ok(Settled::Late);
            }
            Acknowledged::Unknown => return Err(Refused),
        };
        // A page that is being read may be older than this acknowledgement.
        state.settle(Some(Self::queue_of(&message)), &message);
        self.acknowledged_now(&message, outcome);
        self.pump(&mut state, false);
        Ok(Settled::Now(message))
    }

    /// Takes a client's acknowledgement by the message's id, as far as this socket knows the
    /// message.
    pub fn acknowledge_id(self: &Arc<Self>, id: &str, outcome: Outcome) -> ById {
        let number = self.lock().past.window.number_of(id);
        match number.map(|number| self.acknowledge(number, id, outcome)) {
            Some(Ok(settled)) => ById::Here(settled),
            _ if self.looks.check().is_ok() => ById::Elsewhere,
            _ => ById::TooMany,
        }
    }

    fn acknowledged_now(&self, message: &Arc<Message>, outcome: Outcome) {
        let (context, key) = (&self.context, self.key.reader());
        self.record(message, None, Some((context.clock.now(), outcome)));
        context.suspects.clear(key, message);
        context.metrics.count(MessageState::acknowledged, 1);
        tracing::debug!(channel = %message.mailbox, message_id = message.id, connection = self.socket, ?outcome, "acknowledged");
    }

    fn acknowledged_late(&self, message: &Arc<Message>) {
        let now = self.context.clock.now();
        self.note(message, Happening::AcknowledgedAfterExpiry);
        self.context
            .metrics
            .count(MessageState::acknowledged_late, 1);
        tracing::info!(
            channel = %message.mailbox, message_id = message.id, connection = self.socket, key = %self.key.id,
            late_ms = now.since(message.expires_at).as_millis(), "acknowledged after expiry",
        );
    }
}

impl Hub {
    /// Takes an acknowledgement of a message that this socket does not know: an earlier socket of
    /// the key, or one of its others, was shown it. A message to the channel and one to everyone
    /// may have the same id: both are settled.
    ///
    /// # Errors
    /// When the store is away. The inner error: no message of this id is due, or the ones that were
    /// are forgotten.
    pub async fn acknowledge(
        &self,
        by: &Arc<Subscriber>,
        id: &str,
        outcome: Outcome,
    ) -> Result<std::result::Result<Settled, Refused>> {
        let mut answer = Err(Refused);
        if by.key.watch {
            return Ok(answer);
        }
        for mailbox in &by.mailboxes {
            let status = self.context.store.status(mailbox, id).await?;
            let now = self.context.clock.now();
            let Some(status) = status.filter(|s| !s.cancelled && s.message.deliver_at <= now)
            else {
                continue;
            };
            let message = status.message;
            answer = Ok(if message.expires_at <= now {
                by.acknowledged_late(&message);
                Settled::Late
            } else {
                by.settle(&message);
                by.acknowledged_now(&message, outcome);
                self.settled(by, &message);
                Settled::Now(message)
            });
        }
        Ok(answer)
    }
}
