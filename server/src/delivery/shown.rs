//! What a socket was shown in a namespace without acknowledgements: each message once, however
//! often the store is read again. No I/O.

use std::collections::BTreeSet;

use crate::clock::Millis;
use crate::message::Message;

/// The messages that the socket was shown. There are never more entries than a socket's two mailboxes have live messages.
#[derive(Debug, Default)]
pub(super) struct Shown(BTreeSet<(Millis, u64, bool)>);

impl Shown {
    /// Notes that a message was shown; forgets those that have expired by `now`.
    pub(super) fn insert(&mut self, message: &Message, now: Millis) {
        while self
            .0
            .first()
            .is_some_and(|(expires_at, ..)| *expires_at <= now)
        {
            self.0.pop_first();
        }
        self.0.insert(entry(message));
    }

    /// Whether it was shown.
    pub(super) fn contains(&self, message: &Message) -> bool {
        self.0.contains(&entry(message))
    }
}

/// Sequence numbers are unique in a mailbox; a socket has two.
fn entry(message: &Message) -> (Millis, u64, bool) {
    let of_channel = message.mailbox.channel_name().is_some();
    (message.expires_at, message.seq, of_channel)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::delivery::queue::tests::message;

    #[test]
    fn what_was_shown_is_known_until_it_expires() {
        let mut shown = Shown::default();
        let mut first = Arc::into_inner(message(1, 1)).unwrap();
        first.expires_at = Millis(10);
        shown.insert(&first, Millis(5));
        assert!(shown.contains(&first) && !shown.contains(&message(2, 1)));
        shown.insert(&message(2, 1), Millis(10));
        assert_eq!(shown.0.len(), 1, "{shown:?}");
    }
}
