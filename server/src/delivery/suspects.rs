//! Messages that sessions have ended on. A client may break at a message each time it is sent: it
//! must not lose all others to that one. No I/O.
//!
//! After a first end each message that was in flight is on trial: the next session gets it alone. A
//! session that ends on a message that it was given alone, after an earlier end on it, shows it to
//! be poison: the others pass it, and it is tried again alone, after pauses that double. Sockets of
//! a key that end together, with their network for instance, make one end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Millis;
use crate::message::{Mailbox, Message};

/// Ends of sessions that make a message poison.
const ENDS: u32 = 2;
/// From the end that made it poison to the next try; each further end doubles it.
const PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Messages that are remembered; further ones are delivered as if nothing had happened.
const MOST: usize = 65_536;

/// The messages that sessions have ended on, by key.
#[derive(Debug, Default)]
pub struct Suspects(Mutex<HashMap<Place, Suspect>>);

/// A message of a key.
type Place = (Arc<str>, Mailbox, u64);

#[derive(Debug)]
struct Suspect {
    ends: u32,
    /// When the last of them was.
    last_end: Instant,
    /// When it may be tried next.
    try_at: Instant,
    expires_at: Millis,
}

/// How a message is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Like any other.
    Clear,
    /// It is sent alone.
    OnTrial,
    /// It is not sent before this moment.
    HeldBack(Instant),
}

impl Suspects {
    /// Notes that a session of the key ended on a message, which it was given at `emitted`, `alone`
    /// in flight or one of several. Returns how many ends that makes, if it is poison now.
    pub(super) fn ended_on(
        &self,
        key: &Arc<str>,
        message: &Message,
        alone: bool,
        emitted: Instant,
    ) -> Option<u32> {
        let now = Instant::now();
        let mut suspects = self.lock();
        let place = place(key, message);
        if suspects.len() >= MOST && !suspects.contains_key(&place) {
            return None;
        }
        let suspect = suspects.entry(place).or_insert(Suspect {
            ends: 0,
            last_end: now,
            try_at: now,
            expires_at: message.expires_at,
        });
        let is_first = suspect.ends == 0;
        // One of several may have been any of them: that alone never makes it poison.
        if is_first || alone && emitted >= suspect.last_end {
            suspect.ends = suspect.ends.saturating_add(1);
            suspect.last_end = now;
        } else {
            return None;
        }
        let over = suspect.ends.checked_sub(ENDS)?;
        suspect.try_at = now + (PAUSE * 2_u32.saturating_pow(over.min(8))).min(LONGEST_PAUSE);
        Some(suspect.ends)
    }

    /// How a message is to be treated now.
    pub(super) fn standing(&self, key: &Arc<str>, message: &Message, now: Instant) -> Standing {
        let suspects = self.lock();
        if suspects.is_empty() {
            return Standing::Clear;
        }
        match suspects.get(&place(key, message)) {
            None => Standing::Clear,
            Some(suspect) if suspect.try_at > now => Standing::HeldBack(suspect.try_at),
            Some(_) => Standing::OnTrial,
        }
    }

    /// Forgets a message that the key has acknowledged.
    pub(super) fn clear(&self, key: &Arc<str>, message: &Message) {
        let mut suspects = self.lock();
        if !suspects.is_empty() {
            suspects.remove(&place(key, message));
        }
    }

    /// Forgets what has expired.
    pub(super) fn forget_expired(&self, now: Millis) {
        self.lock().retain(|_, suspect| suspect.expires_at > now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Suspect>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(key: &Arc<str>, message: &Message) -> Place {
    (key.clone(), message.mailbox.clone(), message.seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::queue::tests::message;

    #[tokio::test(start_paused = true)]
    async fn two_ends_make_poison_if_the_second_was_on_it_alone() {
        let (suspects, key, now) = (Suspects::default(), Arc::from("k"), Instant::now());
        let (poison, innocent) = (message(1, 1), message(2, 1));
        for message in [&poison, &innocent] {
            assert_eq!(suspects.ended_on(&key, message, false, now), None);
            assert_eq!(suspects.ended_on(&key, message, false, now), None);
            assert_eq!(suspects.standing(&key, message, now), Standing::OnTrial);
        }
        assert_eq!(suspects.ended_on(&key, &poison, true, now), Some(2));
        let held = Standing::HeldBack(now + PAUSE);
        assert_eq!(suspects.standing(&key, &poison, now), held);
        assert_eq!(
            suspects.standing(&Arc::from("other"), &poison, now),
            Standing::Clear
        );
        suspects.clear(&key, &innocent);
        assert_eq!(suspects.standing(&key, &innocent, now), Standing::Clear);
        let later = now + PAUSE;
        assert_eq!(suspects.standing(&key, &poison, later), Standing::OnTrial);
        suspects.forget_expired(Millis(i64::MAX));
        assert_eq!(suspects.standing(&key, &poison, now), Standing::Clear);
    }

    #[tokio::test(start_paused = true)]
    async fn sockets_that_end_together_make_one_end() {
        let (suspects, key, given) = (Suspects::default(), Arc::from("k"), Instant::now());
        let message = message(1, 1);
        for _ in 0..3 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(suspects.ended_on(&key, &message, true, given), None);
        }
        let standing = suspects.standing(&key, &message, Instant::now());
        assert_eq!(standing, Standing::OnTrial);
        let again = Instant::now();
        assert_eq!(suspects.ended_on(&key, &message, true, again), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_of_poison_double_up_to_a_bound() {
        let (suspects, key, now) = (Suspects::default(), Arc::from("k"), Instant::now());
        suspects.ended_on(&key, &message(1, 1), true, now);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            suspects.ended_on(&key, &message(1, 1), true, now);
            if let Standing::HeldBack(at) = suspects.standing(&key, &message(1, 1), now) {
                pauses.push((at - now).as_secs());
            }
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 600, 600]);
    }
}
