//! When a session ends on messages that it was just given, they are suspected; see `suspects`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Subscriber;
use super::subscriber::State;
use crate::message::{Happening, Message};

/// A session that ends later than this after an emission does not end because of it, if the client
/// was heard meanwhile.
const FRESH: Duration = Duration::from_secs(10);

impl Subscriber {
    /// Suspects what was in flight when the session ended.
    pub(super) fn blame_for_end(&self, state: &mut State) {
        let (now, heard) = (Instant::now(), self.outlet.last_heard());
        self.blame(state, |emitted| now - emitted < FRESH || heard < emitted);
    }

    /// Suspects what a polling session was given last: its key has joined on another session. Some
    /// clients leave a session that they could not read without a word. Where both live, a message
    /// that was in flight is once more sent alone.
    pub(super) fn blame_for_successor(&self) {
        let mut state = self.lock();
        if self.outlet.is_polling() && !state.closed {
            self.blame_for_end(&mut state);
        }
    }

    fn blame(&self, state: &mut State, suspected: impl Fn(Instant) -> bool) {
        let entries = state.past.window.entries();
        let suspects: Vec<_> = entries
            .filter(|entry| entry.number > state.blamed && suspected(entry.last_emitted))
            // The client could read it, and said so.
            .filter(|entry| !entry.in_progress)
            .map(|entry| (entry.number, entry.message.clone(), entry.first_emitted))
            .collect();
        // While one is on trial nothing is emitted after it.
        let on_trial = suspects.iter().find(|(n, ..)| state.on_trial == Some(*n));
        let (blamed, alone) = match on_trial {
            Some(one) => (std::slice::from_ref(one), true),
            None => (&*suspects, suspects.len() == 1),
        };
        state.blamed = suspects
            .iter()
            .map(|(n, ..)| *n)
            .max()
            .unwrap_or(state.blamed);
        for (_, message, emitted) in blamed {
            self.blame_one(message, alone, *emitted);
        }
    }

    fn blame_one(&self, message: &Arc<Message>, alone: bool, emitted: Instant) {
        let (context, key) = (&self.context, self.key.reader());
        let ended = context.suspects.ended_on(key, message, alone, emitted);
        if let Some(sessions) = ended {
            context.metrics.poison.inc();
            self.note(message, Happening::Poison);
            tracing::warn!(
                channel = %message.mailbox, message_id = message.id, connection = self.socket, key = %key, sessions,
                "poison: sessions of the key end on this message; its others pass it, and it is \
                 tried alone later",
            );
        }
    }
}
