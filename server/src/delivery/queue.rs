//! What one socket still has to be shown from one mailbox. No I/O.
//!
//! While the socket keeps up, messages come as they fall due. When it does not, the queue stops
//! taking them and says so: the store knows better, and is read again from the start. That is
//! always right, because what a key still has to get is what is live and not acknowledged.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::message::{Message, Position};
use crate::store::Waiting;

/// Messages held for one socket and mailbox; beyond it the store is read instead.
const MOST: usize = 64;
/// Messages read from the store at once.
pub(super) const PAGE: usize = 32;

/// The messages of one mailbox that one socket still has to be shown.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: BTreeMap<Position, Waiting>,
    /// What has fallen due while the store was being read: it comes after what is read.
    aside: BTreeMap<Position, Waiting>,
    /// Messages may be missing here: the store must be read from the start.
    behind: bool,
    /// The store is being read.
    catching_up: bool,
    /// Emitted while the store was being read: a page may be older than their acknowledgement.
    shown: HashSet<u64>,
    /// Not to be tried again on this socket.
    given_up: HashSet<u64>,
}

impl Queue {
    /// A queue that has to read the store first.
    pub(super) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            aside: BTreeMap::new(),
            behind: true,
            catching_up: false,
            shown: HashSet::new(),
            given_up: HashSet::new(),
        }
    }

    /// Takes a message that has fallen due, if the socket keeps up.
    pub(super) fn offer(&mut self, message: &Arc<Message>) {
        let queue = if self.catching_up {
            &mut self.aside
        } else {
            &mut self.waiting
        };
        if self.behind || queue.len() >= MOST {
            self.behind = true;
        } else {
            let waiting = Waiting {
                message: message.clone(),
                redelivered: false,
            };
            queue.entry(message.position()).or_insert(waiting);
        }
    }

    /// Messages may be missing: the store is read from the start.
    pub(super) fn distrust(&mut self) {
        self.behind = true;
    }

    /// What waits to be shown.
    pub(super) fn held(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.waiting
            .values()
            .chain(self.aside.values())
            .map(|waiting| &waiting.message)
    }

    /// Whether nothing is missing here, and no reading is under way.
    pub(super) fn keeps_up(&self) -> bool {
        !self.behind && !self.catching_up
    }

    /// Whether the store should be read now: something may be missing, and there is room.
    pub(super) fn wants_page(&self) -> bool {
        (self.behind || self.catching_up) && self.waiting.len() + PAGE <= MOST
    }

    /// A reading from the start begins.
    pub(super) fn start_reading(&mut self) {
        self.behind = false;
        self.catching_up = true;
        self.shown.clear();
    }

    /// Ends a reading before its end: it will begin again from the start.
    pub(super) fn stop_reading(&mut self) {
        self.behind = true;
        self.catching_up = false;
        self.shown.clear();
        self.aside.clear();
    }

    /// Takes a page of the reading; `last` ends it.
    pub(super) fn take_page(
        &mut self,
        page: Vec<Waiting>,
        last: bool,
        in_flight: impl Fn(&Message) -> bool,
    ) {
        for waiting in page {
            let message = &waiting.message;
            if !self.shown.contains(&message.seq)
                && !self.given_up.contains(&message.seq)
                && !in_flight(message)
            {
                self.waiting.entry(message.position()).or_insert(waiting);
            }
        }
        if last {
            self.catching_up = false;
            let aside = std::mem::take(&mut self.aside).into_iter();
            let new = aside.filter(|(at, waiting)| {
                !self.shown.contains(&at.seq) && !in_flight(&waiting.message)
            });
            for (position, waiting) in new {
                self.waiting.entry(position).or_insert(waiting);
            }
            self.shown.clear();
        }
    }

    /// The next message, in order.
    pub(super) fn first(&self) -> Option<&Waiting> {
        self.waiting.first_key_value().map(|(_, waiting)| waiting)
    }

    /// Takes out the next message, because it was emitted or has expired.
    pub(super) fn pop(&mut self) {
        if let Some((position, _)) = self.waiting.pop_first()
            && self.catching_up
        {
            self.shown.insert(position.seq);
        }
    }

    /// Puts back a message that was taken out to be shown later.
    pub(super) fn put_back(&mut self, waiting: Waiting) {
        self.waiting.insert(waiting.message.position(), waiting);
    }

    /// Takes out a message that another socket of the key has settled.
    pub(super) fn settle(&mut self, message: &Message) {
        self.waiting.remove(&message.position());
        self.aside.remove(&message.position());
        if self.catching_up {
            self.shown.insert(message.seq);
        }
    }

    /// Leaves a message alone until the client connects again.
    pub(super) fn give_up(&mut self, message: &Message) {
        self.given_up.insert(message.seq);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::OnceLock;

    use super::*;
    use crate::clock::Millis;
    use crate::message::Mailbox;

    /// A message of channel `n/c` with id `m<seq>`.
    pub(in crate::delivery) fn message(seq: u64, deliver_at: i64) -> Arc<Message> {
        Arc::new(Message {
            mailbox: Mailbox::channel("n", "c"),
            id: format!("m{seq}"),
            seq,
            event: "e".into(),
            data: serde_json::value::to_raw_value(&seq).unwrap(),
            created_at: Millis(0),
            deliver_at: Millis(deliver_at),
            expires_at: Millis(i64::MAX),
            digest: [0; 32],
            packet_body: OnceLock::new(),
        })
    }

    fn page(seqs: impl IntoIterator<Item = u64>) -> Vec<Waiting> {
        seqs.into_iter()
            .map(|seq| Waiting {
                message: message(seq, 1),
                redelivered: true,
            })
            .collect()
    }

    fn drain(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| {
            let seq = queue.first()?.message.seq;
            queue.pop();
            Some(seq)
        })
        .collect()
    }

    fn live() -> Queue {
        let mut queue = Queue::new();
        queue.start_reading();
        queue.take_page(vec![], true, |_| false);
        queue
    }

    #[test]
    fn a_new_queue_reads_the_store_and_misses_nothing_meanwhile() {
        let mut queue = Queue::new();
        assert!(queue.wants_page());
        queue.start_reading();
        queue.offer(&message(9, 9));
        queue.take_page(page([1, 2]), true, |_| false);
        assert_eq!(
            drain(&mut queue),
            [1, 2, 9],
            "what fell due meanwhile comes after what was read"
        );
        assert!(!queue.wants_page());
    }

    #[test]
    fn too_much_during_a_reading_is_read_again() {
        let mut queue = Queue::new();
        queue.start_reading();
        (1..=65).for_each(|seq| queue.offer(&message(seq, 1)));
        queue.take_page(page([70]), true, |m| m.seq < 60);
        assert_eq!(drain(&mut queue), [60, 61, 62, 63, 64, 70]);
        assert!(queue.wants_page());
    }

    #[test]
    fn a_message_shown_during_a_reading_is_not_read_again() {
        let mut queue = Queue::new();
        queue.start_reading();
        queue.take_page(page(1..=32), false, |_| false);
        assert_eq!(drain(&mut queue).len(), 32);
        queue.take_page(page(30..=34), true, |_| false);
        assert_eq!(drain(&mut queue), [33, 34]);
    }

    #[test]
    fn order_is_by_moment_then_sequence() {
        let mut queue = live();
        for (seq, at) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
            queue.offer(&message(seq, at));
            queue.offer(&message(seq, at));
        }
        assert_eq!(drain(&mut queue), [2, 4, 3, 1]);
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_store_and_later_ones_do_not_overtake_it() {
        let mut queue = live();
        (1..=65).for_each(|seq| queue.offer(&message(seq, 1)));
        assert!(!queue.wants_page(), "there is no room yet");
        queue.pop();
        queue.offer(&message(66, 1));
        assert_eq!(drain(&mut queue), (2..=64).collect::<Vec<_>>());
        assert!(queue.wants_page());
    }

    #[test]
    fn settled_and_given_up_messages_stay_away() {
        let mut queue = live();
        queue.offer(&message(1, 1));
        queue.settle(&message(1, 1));
        queue.give_up(&message(2, 1));
        queue.start_reading();
        queue.settle(&message(3, 1));
        queue.take_page(page([2, 3, 4]), true, |_| false);
        assert_eq!(drain(&mut queue), [4]);
    }
}
