//! What one key has settled of a mailbox: stretches within which it has acknowledged every live
//! message. No I/O.
//!
//! A key that acknowledges in order has one stretch, however many messages there are. Each message
//! that it leaves out splits one. A reading jumps over stretches, so that it costs what it returns.

use crate::message::Position;

/// What a reader takes beside its stretches, its place in the mailbox's table included, in bytes.
const READER: u64 = 224;
/// What a stretch takes, and a message that was shown only.
const STRETCH: u64 = 32;
const SHOWN: u64 = 16;

/// The first and the last position of a stretch.
pub(super) type Stretch = (Position, Position);

/// What one key has settled of a mailbox. Both lists are in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    settled: Vec<Stretch>,
    shown: Vec<Position>,
}

impl Reader {
    /// One that has settled and was shown this.
    pub(super) fn of(settled: Vec<Stretch>, shown: Vec<Position>) -> Self {
        Self { settled, shown }
    }

    /// The stretches, and what was shown and not acknowledged.
    pub(super) fn parts(&self) -> (&[Stretch], &[Position]) {
        (&self.settled, &self.shown)
    }

    /// Bytes of memory.
    pub(super) fn size(&self) -> u64 {
        READER + STRETCH * self.settled.len() as u64 + SHOWN * self.shown.len() as u64
    }

    /// The last position of the stretch that holds `at`, if one does.
    pub(super) fn settled_until(&self, at: Position) -> Option<Position> {
        let next = self.settled.partition_point(|(_, last)| *last < at);
        let stretch = self.settled.get(next);
        stretch
            .filter(|(first, _)| *first <= at)
            .map(|(_, last)| *last)
    }

    /// Whether the message was shown, and not acknowledged.
    pub(super) fn was_shown(&self, at: Position) -> bool {
        self.shown.binary_search(&at).is_ok()
    }

    /// Notes that a message was shown; false if that was known.
    pub(super) fn show(&mut self, at: Position) -> bool {
        match self.shown.binary_search(&at) {
            Err(place) if self.settled_until(at).is_none() => {
                self.shown.insert(place, at);
                true
            }
            _ => false,
        }
    }

    /// Notes that a live message was acknowledged, which has these live neighbours. Returns whether
    /// it was not known to be shown before; nothing if it was acknowledged before.
    pub(super) fn acknowledge(
        &mut self,
        at: Position,
        before: Option<Position>,
        after: Option<Position>,
    ) -> Option<bool> {
        if self.settled_until(at).is_some() {
            return None;
        }
        let shown = self.shown.binary_search(&at).ok();
        if let Some(place) = shown {
            self.shown.remove(place);
        }
        let place = self.settled.partition_point(|(_, last)| *last < at);
        // What has ended in between separates nothing.
        let joins_left = before.is_some_and(|before| self.settled_until(before).is_some());
        let joins_right = after.is_some_and(|after| self.settled_until(after).is_some());
        match (joins_left, joins_right) {
            (true, true) => {
                let (_, last) = self.settled.remove(place);
                self.settled[place - 1].1 = last;
            }
            (true, false) => self.settled[place - 1].1 = at,
            (false, true) => self.settled[place].0 = at,
            (false, false) => self.settled.insert(place, (at, at)),
        }
        Some(shown.is_none())
    }

    /// Notes that a message was stored: where it lies in a stretch it splits it.
    pub(super) fn stored(&mut self, at: Position) {
        let place = self.settled.partition_point(|(_, last)| *last < at);
        let Some((first, last)) = self.settled.get(place).copied() else {
            return;
        };
        if first <= at {
            let parts = [(first, before(at)), (after(at), last)];
            let parts = parts.into_iter().filter(|(first, last)| first <= last);
            self.settled.splice(place..=place, parts);
        }
    }

    /// Forgets what lies before the first live message. Returns whether anything is left.
    pub(super) fn forget_before(&mut self, first: Position) -> bool {
        let settled = self.settled.partition_point(|(_, last)| *last < first);
        self.settled.drain(..settled);
        let shown = self.shown.partition_point(|at| *at < first);
        self.shown.drain(..shown);
        !self.settled.is_empty() || !self.shown.is_empty()
    }
}

/// The next position.
pub(super) fn after(at: Position) -> Position {
    Position {
        seq: at.seq.saturating_add(1),
        ..at
    }
}

fn before(at: Position) -> Position {
    Position {
        seq: at.seq.saturating_sub(1),
        ..at
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::clock::Millis;

    fn at(deliver_at: i64) -> Position {
        Position {
            deliver_at: Millis(deliver_at),
            seq: 5,
        }
    }

    #[test]
    fn acknowledgements_in_order_are_one_stretch() {
        let mut reader = Reader::default();
        for n in 0..1000 {
            let before = (n > 0).then(|| at(n - 1));
            assert_eq!(
                reader.acknowledge(at(n), before, Some(at(n + 1))),
                Some(true)
            );
        }
        assert_eq!(reader.settled, [(at(0), at(999))]);
        assert_eq!(reader.acknowledge(at(7), Some(at(6)), Some(at(8))), None);
        assert!(!reader.show(at(7)), "it was acknowledged");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Store(i64),
        Show(i64),
        Acknowledge(i64),
        End(i64),
        Forget,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = (0..5_u8, 0..24_i64).prop_map(|(kind, n)| match kind {
            0 => Step::Store(n),
            1 => Step::Show(n),
            2 => Step::Acknowledge(n),
            3 => Step::End(n),
            _ => Step::Forget,
        });
        proptest::collection::vec(step, 0..120)
    }

    proptest! {
        /// A reader knows the same as one flag a message would say.
        #[test]
        fn it_knows_what_flags_would(steps in steps()) {
            let (mut reader, mut live) = (Reader::default(), BTreeMap::new());
            let mut stored = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Store(n) if stored.insert(n) => {
                        live.insert(at(n), (false, false));
                        reader.stored(at(n));
                    }
                    Step::Show(n) => if let Some((shown, settled)) = live.get_mut(&at(n)) {
                        prop_assert_eq!(reader.show(at(n)), !*shown && !*settled);
                        *shown |= !*settled;
                    },
                    Step::Acknowledge(n) => if live.contains_key(&at(n)) {
                        let before = live.range(..at(n)).next_back().map(|(at, _)| *at);
                        let after = live.range(after(at(n))..).next().map(|(at, _)| *at);
                        let (shown, settled) = live[&at(n)];
                        let answer = (!settled).then_some(!shown);
                        prop_assert_eq!(reader.acknowledge(at(n), before, after), answer);
                        live.insert(at(n), (false, true));
                    },
                    Step::End(n) => drop(live.remove(&at(n))),
                    Step::Forget => if let Some(first) = live.keys().next() {
                        reader.forget_before(*first);
                    },
                    Step::Store(_) => {}
                }
                for (at, (shown, settled)) in &live {
                    prop_assert_eq!(reader.settled_until(*at).is_some(), *settled);
                    prop_assert_eq!(reader.was_shown(*at), *shown);
                }
                prop_assert!(reader.settled.is_sorted() && reader.shown.is_sorted());
            }
        }
    }
}
