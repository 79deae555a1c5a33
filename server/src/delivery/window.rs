//! The window of one socket: messages in flight, and when each must be repeated. No I/O, no clock
//! of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Tuning;
use crate::message::Message;

/// Bytes of a polling body that an acknowledgement needs beside namespace and id:
/// `43/…,<number>["…"]`, a separator, and protocol 4's length in front.
const ACK_OVERHEAD: usize = 32;

/// Settled messages that a socket remembers, to know a second acknowledgement from a wrong one.
const SETTLED: usize = 32;

/// A message that was emitted and is not acknowledged yet.
#[derive(Debug)]
pub(super) struct InFlight {
    /// What its acknowledgement will carry.
    pub(super) number: u64,
    pub(super) message: Arc<Message>,
    pub(super) first_emitted: Instant,
    pub(super) last_emitted: Instant,
    /// When it is no longer worth repeating: then it makes room.
    pub(super) expires: Instant,
    /// How often it was repeated on this socket.
    pub(super) repeats: u32,
    pub(super) repeat_at: Instant,
    /// The client has said that it has the message and is not done with it.
    pub(super) in_progress: bool,
}

/// What an acknowledgement means.
#[derive(Debug)]
pub(super) enum Acknowledged {
    /// It settles this message.
    Now(Arc<Message>),
    /// It was settled before: by a repeat's acknowledgement, or by another socket of the key.
    Before,
    /// This message had expired before.
    Late(Arc<Message>),
    /// It names nothing that this socket was shown lately.
    Unknown,
}

/// What is to be done about a message whose time to be repeated has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Emit it again.
    Repeat,
    /// It was repeated often enough: make room.
    GiveUp,
}

/// The window of one socket.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// By number. A few at most; while there is none, it takes no memory.
    in_flight: Vec<InFlight>,
    last_number: u64,
    /// The latest that were settled, whose acknowledgements may still come.
    settled: VecDeque<(u64, Arc<Message>)>,
    /// The latest that have expired in flight, likewise.
    expired: VecDeque<(u64, Arc<Message>)>,
}

impl Window {
    /// Whether another message fits. On polling, the acknowledgements of all in flight must fit in
    /// one body: clients before v4 do not know the bound and send everything at once.
    pub(super) fn has_room(
        &self,
        polling: bool,
        next: &Message,
        tuning: &Tuning,
        max_payload: usize,
    ) -> bool {
        if !polling {
            return self.in_flight.len() < tuning.window;
        }
        let cost = |m: &Message| m.mailbox.namespace().len() + m.id.len() + ACK_OVERHEAD;
        let used: usize = self
            .in_flight
            .iter()
            .map(|entry| cost(&entry.message))
            .sum();
        self.in_flight.is_empty()
            || (self.in_flight.len() < tuning.polling_window && used + cost(next) <= max_payload)
    }

    /// The number for the next emission.
    pub(super) fn next_number(&self) -> u64 {
        self.last_number + 1
    }

    /// Notes that a message was emitted with `next_number`.
    pub(super) fn emitted(
        &mut self,
        message: Arc<Message>,
        now: Instant,
        expires: Instant,
        tuning: &Tuning,
    ) {
        self.last_number += 1;
        let repeat_at = now + tuning.retry_after;
        if self.in_flight.is_empty() {
            self.in_flight.reserve_exact(1);
        }
        self.in_flight.push(InFlight {
            number: self.last_number,
            message,
            first_emitted: now,
            last_emitted: now,
            expires,
            repeats: 0,
            repeat_at,
            in_progress: false,
        });
    }

    /// Whether this socket was shown the message and it is in flight, or was settled lately.
    pub(super) fn knows(&self, message: &Message) -> bool {
        let in_flight = self.in_flight.iter().map(|entry| &entry.message);
        let mut known = in_flight.chain(self.settled.iter().map(|(_, message)| message));
        known.any(|known| same(known, message))
    }

    /// What is in flight.
    pub(super) fn held(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.in_flight.iter().map(|entry| &entry.message)
    }

    /// Takes out the message that an acknowledgement settles: number and id must both be right.
    pub(super) fn acknowledged(&mut self, number: u64, id: &str) -> Acknowledged {
        if self.get(number).is_some_and(|entry| entry.message.id == id) {
            return self
                .take_settled(number)
                .map_or(Acknowledged::Unknown, Acknowledged::Now);
        }
        let named = |(n, message): &(u64, Arc<Message>)| *n == number && message.id == id;
        if self.settled.iter().any(named) {
            return Acknowledged::Before;
        }
        let Some(late) = self.expired.iter().position(named) else {
            return Acknowledged::Unknown;
        };
        let (_, message) = self.expired.swap_remove_back(late).unzip();
        message.map_or(Acknowledged::Unknown, |message| {
            self.remember(number, message.clone());
            Acknowledged::Late(message)
        })
    }

    /// The number by which a message of this id is acknowledged on this socket: the latest that was
    /// shown.
    pub(super) fn number_of(&self, id: &str) -> Option<u64> {
        let in_flight = self
            .in_flight
            .iter()
            .map(|entry| (entry.number, &entry.message));
        let past = self.settled.iter().chain(&self.expired);
        let mut known = in_flight.chain(past.rev().map(|(n, message)| (*n, message)));
        known.find(|(_, m)| m.id == id).map(|(number, _)| number)
    }

    /// Notes that the client is not done with a message of this id, which waits for its repeat from
    /// `now` on; false where none is in flight.
    pub(super) fn in_progress(&mut self, id: &str, now: Instant, tuning: &Tuning) -> bool {
        let mut found = false;
        let named = |entry: &&mut InFlight| entry.message.id == id;
        for entry in self.in_flight.iter_mut().filter(named) {
            entry.in_progress = true;
            entry.repeat_at = now + pause(entry.repeats, tuning);
            found = true;
        }
        found
    }

    /// Takes out a message that has expired; its acknowledgement may still come.
    pub(super) fn expire(&mut self, number: u64) {
        if let Some(entry) = self.remove(number) {
            push_bounded(&mut self.expired, (number, entry.message));
        }
    }

    /// When the latest of what is in flight was emitted.
    pub(super) fn last_emitted(&self) -> Option<Instant> {
        let entries = self.in_flight.iter();
        entries.map(|entry| entry.last_emitted).max()
    }

    /// What is in flight, by number.
    pub(super) fn entries(&self) -> impl Iterator<Item = &InFlight> {
        self.in_flight.iter()
    }

    /// Takes out a message that another socket of the key has settled, or remembers not to show it.
    pub(super) fn settle(&mut self, message: &Arc<Message>) {
        let mut in_flight = self.in_flight.iter();
        let number = in_flight
            .find(|entry| same(&entry.message, message))
            .map(|entry| entry.number);
        match number {
            Some(number) => drop(self.take_settled(number)),
            // Zero is no emission's number.
            None => self.remember(0, message.clone()),
        }
    }

    fn take_settled(&mut self, number: u64) -> Option<Arc<Message>> {
        let message = self.remove(number)?.message;
        self.remember(number, message.clone());
        Some(message)
    }

    fn remember(&mut self, number: u64, message: Arc<Message>) {
        push_bounded(&mut self.settled, (number, message));
    }

    /// When the first message must be repeated, or has expired.
    pub(super) fn next_repeat(&self) -> Option<Instant> {
        self.in_flight
            .iter()
            .map(|entry| entry.repeat_at.min(entry.expires))
            .min()
    }

    /// The messages to be looked at by `now`.
    pub(super) fn due(&self, now: Instant) -> Vec<u64> {
        self.in_flight
            .iter()
            .filter(|entry| entry.repeat_at.min(entry.expires) <= now)
            .map(|entry| entry.number)
            .collect()
    }

    pub(super) fn get(&self, number: u64) -> Option<&InFlight> {
        self.in_flight.iter().find(|entry| entry.number == number)
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<InFlight> {
        let mut numbers = self.in_flight.iter().map(|entry| entry.number);
        let index = numbers.position(|known| known == number)?;
        let entry = self.in_flight.remove(index);
        if self.in_flight.is_empty() {
            self.in_flight = Vec::new();
        }
        Some(entry)
    }

    /// Notes that a message's time has come, and says what is to be done.
    pub(super) fn repeat(&mut self, number: u64, now: Instant, tuning: &Tuning) -> Due {
        let mut entries = self.in_flight.iter_mut();
        match entries.find(|entry| entry.number == number) {
            Some(entry) if entry.repeats < tuning.retries => {
                entry.repeats += 1;
                entry.last_emitted = now;
                entry.repeat_at = now + pause(entry.repeats, tuning);
                Due::Repeat
            }
            _ => Due::GiveUp,
        }
    }
}

/// From an emission to the next one, after this many repeats.
fn pause(repeats: u32, tuning: &Tuning) -> Duration {
    tuning.retry_after * 2u32.pow(repeats)
}

fn push_bounded<T>(latest: &mut VecDeque<T>, item: T) {
    if latest.len() == SETTLED {
        latest.pop_front();
    }
    latest.push_back(item);
}

fn same(one: &Message, other: &Message) -> bool {
    one.seq == other.seq && one.mailbox == other.mailbox
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::queue::tests::message;

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(86_400)
    }

    #[test]
    fn numbers_and_ids_must_both_match() {
        let (mut window, tuning) = (Window::default(), Tuning::default());
        window.emitted(message(1, 1), Instant::now(), far(), &tuning);
        window.emitted(message(2, 2), Instant::now(), far(), &tuning);
        for (number, id) in [(1, "m2"), (3, "m1"), (1, "")] {
            assert!(
                matches!(window.acknowledged(number, id), Acknowledged::Unknown),
                "{number} {id}"
            );
        }
        assert!(matches!(window.acknowledged(1, "m1"), Acknowledged::Now(m) if m.seq == 1));
        assert!(matches!(window.acknowledged(1, "m1"), Acknowledged::Before));
        window.settle(&message(2, 2));
        assert!(matches!(window.acknowledged(2, "m2"), Acknowledged::Before));
        assert!(matches!(
            window.acknowledged(2, "m1"),
            Acknowledged::Unknown
        ));
    }

    #[test]
    fn polling_leaves_room_for_all_acknowledgements_in_one_body() {
        let (mut window, tuning) = (Window::default(), Tuning::default());
        let long = |seq| {
            let mut m = Arc::into_inner(message(seq, 1)).unwrap();
            m.id = "i".repeat(128);
            Arc::new(m)
        };
        let mut emitted = 0;
        while window.has_room(true, &long(emitted), &tuning, 1024) {
            window.emitted(long(emitted), Instant::now(), far(), &tuning);
            emitted += 1;
        }
        let body: usize = (1..=emitted)
            .map(|n| format!("999:43/n,{n}[\"{}\"]", "i".repeat(128)).len())
            .sum();
        assert!(
            emitted > 1 && body <= 1024,
            "{emitted} acknowledgements take {body} bytes"
        );
        assert!(
            Window::default().has_room(true, &long(1), &tuning, 16),
            "one is always let through"
        );
    }

    #[test]
    fn repeats_double_and_end() {
        let (mut window, tuning) = (Window::default(), Tuning::default());
        let start = Instant::now();
        window.emitted(message(1, 1), start, far(), &tuning);
        let mut now = start;
        let mut waits = Vec::new();
        loop {
            let next = window.next_repeat().unwrap();
            assert!(window.due(next - Duration::from_millis(1)).is_empty());
            assert_eq!(window.due(next), [1]);
            waits.push((next - now).as_secs());
            now = next;
            if window.repeat(1, now, &tuning) == Due::GiveUp {
                break;
            }
        }
        assert_eq!(waits, [15, 30, 60, 120, 240, 480]);
    }

    #[test]
    fn what_is_in_progress_waits_for_its_repeat_anew_and_expires_all_the_same() {
        let (mut window, tuning) = (Window::default(), Tuning::default());
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let expires = start + 40 * second;
        window.emitted(message(1, 1), start, expires, &tuning);
        assert!(!window.in_progress("m2", start, &tuning));
        for at in [10, 20, 30] {
            assert!(window.in_progress("m1", start + at * second, &tuning));
            let next = start + (at + 15) * second;
            assert_eq!(window.next_repeat(), Some(next.min(expires)));
        }
    }

    #[test]
    fn what_has_expired_makes_room_before_its_repeat() {
        let (mut window, tuning) = (Window::default(), Tuning::default());
        let start = Instant::now();
        let expires = start + Duration::from_secs(5);
        window.emitted(message(1, 1), start, expires, &tuning);
        assert_eq!(window.next_repeat(), Some(expires));
        assert_eq!(window.due(expires), [1]);
    }

    #[test]
    fn what_another_socket_has_settled_is_known() {
        let mut window = Window::default();
        assert!(!window.knows(&message(1, 1)));
        window.settle(&message(1, 1));
        assert!(window.knows(&message(1, 1)));
        assert!(matches!(window.acknowledged(0, "m1"), Acknowledged::Before));
    }
}
