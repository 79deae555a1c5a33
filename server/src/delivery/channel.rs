//! A mailbox on this node: who is on it, and what falls due soon. No I/O.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::Subscriber;
use crate::clock::Millis;
use crate::message::{Message, Position};
use crate::store::Swept;

/// See the module.
#[derive(Default)]
pub(super) struct Channel {
    pub(super) subscribers: Vec<Arc<Subscriber>>,
    upcoming: BTreeMap<Position, Arc<Message>>,
    /// Everything due by then was read from the store.
    loaded_until: Millis,
    /// Everything up to this sequence number was read from the store; none before the first sweep.
    swept_seq: Option<u64>,
    /// Announced since the last sweep, and whether that put it among the upcoming.
    announced: HashMap<u64, bool>,
    /// Cancelled since the last sweep: a reading under way may be older.
    cancelled: HashSet<u64>,
    /// Cancellations may have been missed: what the next sweep does not find is gone.
    distrusted: bool,
}

impl Channel {
    /// A channel that has just come into use: what was due before is read by each subscriber on its own.
    pub(super) fn starting_at(now: Millis) -> Self {
        Self {
            loaded_until: now,
            ..Self::default()
        }
    }

    /// Where the next sweep has to go on: everything due after this, and stored after that.
    pub(super) fn swept(&self) -> (Millis, Option<u64>) {
        (self.loaded_until, self.swept_seq)
    }

    /// Takes an announcement; returns when to look at the channel.
    pub(super) fn announce(&mut self, message: &Arc<Message>, horizon: Millis) -> Option<Millis> {
        // What is further away is read when its time comes nearer.
        let near = message.deliver_at <= horizon;
        if self.announced.insert(message.seq, near).is_none() && near {
            self.upcoming.insert(message.position(), message.clone());
        }
        near.then_some(message.deliver_at)
    }

    pub(super) fn cancel(&mut self, position: Position) {
        self.upcoming.remove(&position);
        self.cancelled.insert(position.seq);
    }

    /// Announcements were lost: the next sweep reads everything that falls due after `now` anew.
    pub(super) fn distrust(&mut self, now: Millis) {
        self.loaded_until = now;
        self.announced.clear();
        // What was stored since the last sweep is read by its moment: by its number it would come once more to those who
        // have acknowledged it.
        self.swept_seq = None;
        self.distrusted = true;
    }

    /// What waits for its moment.
    pub(super) fn held(&self) -> impl Iterator<Item = Arc<Message>> {
        self.upcoming.values().cloned()
    }

    /// Takes what a sweep has read: what falls due by `until`, and what was stored up to `seq`.
    /// Returns when to look at the channel, and how many messages no announcement had told of.
    pub(super) fn sweep(&mut self, swept: Swept, until: Millis) -> (Vec<Millis>, usize) {
        let Swept { stored, due, seq } = swept;
        let missed: Vec<_> = stored
            .into_iter()
            .filter(|m| !self.announced.contains_key(&m.seq))
            .collect();
        let count = missed.len();
        if std::mem::take(&mut self.distrusted) {
            let found: HashSet<u64> = due.iter().map(|message| message.seq).collect();
            let (announced, loaded_until) = (&self.announced, self.loaded_until);
            self.upcoming.retain(|at, _| {
                at.deliver_at <= loaded_until
                    || found.contains(&at.seq)
                    || announced.contains_key(&at.seq)
            });
        }
        let cancelled = std::mem::take(&mut self.cancelled);
        let due = due
            .into_iter()
            .filter(|m| self.announced.get(&m.seq) != Some(&true));
        let mut times = Vec::new();
        for message in due
            .chain(missed)
            .filter(|message| !cancelled.contains(&message.seq))
        {
            // A missed message beyond the horizon is found again by its moment.
            if message.deliver_at <= until
                && self
                    .upcoming
                    .insert(message.position(), message.clone())
                    .is_none()
            {
                times.push(message.deliver_at);
            }
        }
        self.loaded_until = until;
        self.swept_seq = Some(seq);
        self.announced.retain(|announced, _| *announced > seq);
        (times, count)
    }

    /// Takes out what is due by `now`, in order.
    pub(super) fn take_due(&mut self, now: Millis) -> Vec<Arc<Message>> {
        let later = self.upcoming.split_off(&Position {
            deliver_at: Millis(now.0 + 1),
            seq: 0,
        });
        std::mem::replace(&mut self.upcoming, later)
            .into_values()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::queue::tests::message;

    fn swept(due: Vec<Arc<Message>>, stored: Vec<Arc<Message>>, seq: u64) -> Swept {
        Swept { stored, due, seq }
    }

    fn seqs(messages: &[Arc<Message>]) -> Vec<u64> {
        messages.iter().map(|message| message.seq).collect()
    }

    #[test]
    fn what_is_announced_falls_due_in_order() {
        let mut channel = Channel::starting_at(Millis(0));
        assert_eq!(
            channel.announce(&message(1, 20), Millis(100)),
            Some(Millis(20))
        );
        assert_eq!(
            channel.announce(&message(2, 10), Millis(100)),
            Some(Millis(10))
        );
        assert_eq!(channel.announce(&message(3, 101), Millis(100)), None);
        assert!(channel.take_due(Millis(9)).is_empty());
        assert_eq!(seqs(&channel.take_due(Millis(100))), [2, 1]);
        assert!(channel.take_due(Millis(1000)).is_empty());
    }

    #[test]
    fn a_sweep_finds_what_no_announcement_told_and_nothing_twice() {
        let mut channel = Channel::starting_at(Millis(0));
        channel.announce(&message(1, 10), Millis(100));
        let stored = vec![message(1, 10), message(2, 10), message(3, 900)];
        let (times, missed) = channel.sweep(swept(vec![message(1, 10)], stored, 3), Millis(100));
        assert_eq!((times, missed), (vec![Millis(10)], 2));
        assert_eq!(channel.swept(), (Millis(100), Some(3)));
        assert_eq!(seqs(&channel.take_due(Millis(100))), [1, 2]);
        let (times, missed) = channel.sweep(swept(vec![message(3, 900)], vec![], 3), Millis(900));
        assert_eq!((times, missed), (vec![Millis(900)], 0));
    }

    #[test]
    fn what_was_announced_and_has_fallen_due_is_not_shown_again_by_the_next_sweep() {
        let mut channel = Channel::starting_at(Millis(0));
        channel.sweep(swept(vec![], vec![], 4), Millis(100));
        channel.announce(&message(5, 110), Millis(120));
        channel.announce(&message(5, 110), Millis(120));
        assert_eq!(channel.take_due(Millis(110)).len(), 1);
        let (times, missed) = channel.sweep(
            swept(vec![message(5, 110)], vec![message(5, 110)], 5),
            Millis(200),
        );
        assert_eq!((times.len(), missed), (0, 0));
    }

    #[test]
    fn a_cancelled_message_does_not_fall_due() {
        let mut channel = Channel::starting_at(Millis(0));
        channel.announce(&message(1, 10), Millis(100));
        channel.cancel(message(1, 10).position());
        assert!(channel.take_due(Millis(10)).is_empty());
    }

    #[test]
    fn a_reading_older_than_a_cancellation_does_not_bring_the_message_back() {
        let mut channel = Channel::starting_at(Millis(0));
        channel.cancel(message(1, 10).position());
        channel.sweep(swept(vec![message(1, 10)], vec![], 1), Millis(100));
        assert!(channel.take_due(Millis(100)).is_empty());
    }

    #[test]
    fn after_lost_announcements_only_what_the_store_has_falls_due() {
        let mut channel = Channel::starting_at(Millis(0));
        for seq in 1..=3 {
            channel.announce(&message(seq, 10 * seq as i64), Millis(100));
        }
        channel.distrust(Millis(10));
        channel.announce(&message(4, 40), Millis(100));
        // 2 was cancelled without a word; 1 is due already, and 5 was announced without a word.
        channel.sweep(
            swept(vec![message(3, 30), message(5, 50)], vec![], 5),
            Millis(100),
        );
        assert_eq!(seqs(&channel.take_due(Millis(100))), [1, 3, 4, 5]);
    }
}
