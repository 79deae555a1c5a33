//! A mailbox on this node: who is on it, and what falls due soon. No I/O.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::Subscriber;
use crate::clock::Millis;
use crate::message::{Message, Position};
use crate::store::Swept;

/// A mailbox on this node: its subscribers, and the messages that fall due soon.
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
    /// Stands for the time since the channel began, or was distrusted last.
    era: Arc<()>,
}

/// A question to the store: where the reading of a mailbox goes on.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Everything due after this is asked for.
    pub(super) after: Millis,
    /// Everything stored after this is asked for, unless there is none.
    pub(super) seq: Option<u64>,
    era: Arc<()>,
}

impl Channel {
    /// A channel that has just come into use: what was due before is read by each subscriber on its
    /// own.
    pub(super) fn starting_at(now: Millis) -> Self {
        Self {
            loaded_until: now,
            ..Self::default()
        }
    }

    /// Sockets that messages are for: those that only watch are none.
    pub(super) fn recipients(&self) -> usize {
        let sockets = self.subscribers.iter();
        sockets.filter(|subscriber| !subscriber.key.watch).count()
    }

    /// Whether there is one.
    pub(super) fn has_recipient(&self) -> bool {
        let mut sockets = self.subscribers.iter();
        sockets.any(|subscriber| !subscriber.key.watch)
    }

    /// How many times a message that falls due soon is to be emitted.
    pub(super) fn deliveries_ahead(&self) -> u64 {
        match self.upcoming.len() {
            0 => 0,
            messages => (messages * self.recipients()) as u64,
        }
    }

    /// What the next sweep has to ask.
    pub(super) fn question(&self) -> Question {
        Question {
            after: self.loaded_until,
            seq: self.swept_seq,
            era: self.era.clone(),
        }
    }

    /// Takes an announcement; returns when to look at the channel.
    pub(super) fn announce(&mut self, message: &Arc<Message>, horizon: Millis) -> Option<Millis> {
        // What is further away is read when its time comes nearer.
        let near = message.deliver_at <= horizon.max(self.loaded_until);
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
        // What was stored since the last sweep is read by its moment: by its number it would come
        // once more to those who have acknowledged it.
        self.swept_seq = None;
        self.distrusted = true;
        self.era = Arc::default();
    }

    /// What waits for its moment.
    pub(super) fn held(&self) -> impl Iterator<Item = Arc<Message>> {
        self.upcoming.values().cloned()
    }

    /// Takes the answer to `question`: what falls due by `until`, and what was stored up to its
    /// sequence number. Returns when to look at the channel, and how many messages no announcement
    /// had told of. An answer to a question from before a distrust says nothing: what was put back
    /// since is missing from it.
    pub(super) fn sweep(
        &mut self,
        question: &Question,
        swept: Swept,
        until: Millis,
    ) -> Option<(Vec<Millis>, usize)> {
        if !Arc::ptr_eq(&question.era, &self.era) {
            return None;
        }
        let Swept { stored, due, seq } = swept;
        let count = stored
            .iter()
            .filter(|m| !self.announced.contains_key(&m.seq))
            .count();
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
        let held = |message: &Message| self.announced.get(&message.seq) == Some(&true);
        let mut times = Vec::new();
        for message in due
            .into_iter()
            .chain(stored)
            .filter(|message| !held(message) && !cancelled.contains(&message.seq))
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
        Some((times, count))
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

    /// Asks and answers at once.
    fn sweep(channel: &mut Channel, swept: Swept, until: i64) -> (Vec<Millis>, usize) {
        let question = channel.question();
        channel.sweep(&question, swept, Millis(until)).unwrap()
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
        let (times, missed) = sweep(&mut channel, swept(vec![message(1, 10)], stored, 3), 100);
        assert_eq!((times, missed), (vec![Millis(10)], 2));
        let Question { after, seq, .. } = channel.question();
        assert_eq!((after, seq), (Millis(100), Some(3)));
        assert_eq!(seqs(&channel.take_due(Millis(100))), [1, 2]);
        let (times, missed) = sweep(&mut channel, swept(vec![message(3, 900)], vec![], 3), 900);
        assert_eq!((times, missed), (vec![Millis(900)], 0));
    }

    #[test]
    fn what_was_announced_and_has_fallen_due_is_not_shown_again_by_the_next_sweep() {
        let mut channel = Channel::starting_at(Millis(0));
        sweep(&mut channel, swept(vec![], vec![], 4), 100);
        channel.announce(&message(5, 110), Millis(120));
        channel.announce(&message(5, 110), Millis(120));
        assert_eq!(channel.take_due(Millis(110)).len(), 1);
        let (times, missed) = sweep(
            &mut channel,
            swept(vec![message(5, 110)], vec![message(5, 110)], 5),
            200,
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
        sweep(&mut channel, swept(vec![message(1, 10)], vec![], 1), 100);
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
        sweep(
            &mut channel,
            swept(vec![message(3, 30), message(5, 50)], vec![], 5),
            100,
        );
        assert_eq!(seqs(&channel.take_due(Millis(100))), [1, 3, 4, 5]);
    }

    #[test]
    fn an_answer_to_a_question_from_before_a_distrust_does_not_count() {
        let mut channel = Channel::starting_at(Millis(0));
        let before = channel.question();
        channel.distrust(Millis(10));
        // Message 1 was put back meanwhile: the answer lacks it, and ends behind it.
        let answer = swept(vec![message(2, 60)], vec![], 9);
        assert!(channel.sweep(&before, answer, Millis(100)).is_none());
        let Question { after, seq, .. } = channel.question();
        assert_eq!((after, seq), (Millis(10), None));
        let all = swept(vec![message(1, 50), message(2, 60)], vec![], 9);
        sweep(&mut channel, all, 100);
        assert_eq!(seqs(&channel.take_due(Millis(100))), [1, 2]);
    }

    #[test]
    fn an_answer_for_a_channel_that_has_gone_does_not_count_for_its_successor() {
        let question = Channel::starting_at(Millis(0)).question();
        let mut channel = Channel::starting_at(Millis(50));
        let answer = swept(vec![message(1, 60)], vec![], 9);
        assert!(channel.sweep(&question, answer, Millis(100)).is_none());
    }

    #[test]
    fn what_was_announced_beyond_the_horizon_is_found_by_its_number_after_a_longer_reading() {
        let mut channel = Channel::starting_at(Millis(0));
        sweep(&mut channel, swept(vec![], vec![], 4), 50);
        // The reading under way asks further than the announcement's horizon, and is older than the
        // message.
        let question = channel.question();
        assert_eq!(channel.announce(&message(5, 110), Millis(100)), None);
        channel.sweep(&question, swept(vec![], vec![], 4), Millis(120));
        sweep(&mut channel, swept(vec![], vec![message(5, 110)], 5), 130);
        assert_eq!(seqs(&channel.take_due(Millis(110))), [5]);
    }
}
