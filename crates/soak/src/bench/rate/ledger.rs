//! When each message was due, and when it came to its two plugins.

use std::ops::Range;

use crate::event::Ms;
use crate::spread::Spread;

/// Plugins on each channel.
pub(super) const PLUGINS: usize = 2;

/// The books of all messages, by number.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    messages: Vec<Entry>,
    /// Messages that were not accepted.
    pub(super) refused: usize,
    /// Arrivals of a message at a plugin that had it.
    again: usize,
    /// What ended the first plugin that has ended.
    fault: Option<anyhow::Error>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// When it is due; once it is accepted.
    due: Option<Ms>,
    arrivals: [Option<Ms>; PLUGINS],
}

/// What came of the messages that were due within a time.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) accepted: usize,
    /// Arrivals within the time.
    pub(super) delivered: usize,
    /// Arrivals that are missing.
    pub(super) missing: usize,
    /// From the moment at which a message is due to its arrival at a plugin.
    pub(super) lateness: Spread,
}

impl Ledger {
    /// Numbers for as many messages as are about to be published.
    pub(super) fn publish(&mut self, count: usize) -> Range<usize> {
        let first = self.messages.len();
        self.messages.resize(first + count, Entry::default());
        first..first + count
    }

    pub(super) fn accepted(&mut self, number: usize, due: Ms) {
        if let Some(entry) = self.messages.get_mut(number) {
            entry.due = Some(due);
        }
    }

    pub(super) fn arrived(&mut self, number: usize, plugin: usize, at: Ms) {
        match self.messages.get_mut(number) {
            Some(entry) if entry.arrivals[plugin].is_none() => entry.arrivals[plugin] = Some(at),
            _ => self.again += 1,
        }
    }

    /// A plugin has ended.
    pub(super) fn fault(&mut self, error: anyhow::Error) {
        self.fault.get_or_insert(error);
    }

    /// How many messages there are, how many were refused, and how many arrivals came again.
    ///
    /// # Errors
    /// What has ended a plugin.
    pub(super) fn so_far(&mut self) -> anyhow::Result<(usize, usize, usize)> {
        match self.fault.take() {
            Some(fault) => Err(fault.context("a plugin has ended")),
            None => Ok((self.messages.len(), self.refused, self.again)),
        }
    }

    /// Whether all that were accepted, from this number on, have come to both plugins.
    pub(super) fn is_settled(&self, from: usize) -> bool {
        self.messages[from..]
            .iter()
            .all(|entry| entry.due.is_none() || entry.arrivals.iter().all(Option::is_some))
    }

    /// The numbers of those that were accepted and due within a time.
    pub(super) fn due(&self, time: &Range<Ms>) -> impl Iterator<Item = usize> {
        let numbers = 0..self.messages.len();
        numbers.filter(|number| {
            self.messages[*number]
                .due
                .is_some_and(|due| time.contains(&due))
        })
    }

    /// What came of those that were due within a time.
    pub(super) fn outcome(&self, time: &Range<Ms>) -> Outcome {
        let mut lateness = Vec::new();
        let (mut accepted, mut missing) = (0, 0);
        for entry in &self.messages {
            let Some(due) = entry.due.filter(|due| time.contains(due)) else {
                continue;
            };
            accepted += 1;
            let arrivals = entry.arrivals.iter().flatten();
            lateness.extend(arrivals.map(|at| at - due));
            missing += entry.arrivals.iter().filter(|at| at.is_none()).count();
        }
        let arrivals = self.messages.iter().flat_map(|entry| &entry.arrivals);
        Outcome {
            accepted,
            delivered: arrivals.flatten().filter(|at| time.contains(at)).count(),
            missing,
            lateness: Spread::of(lateness),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_messages_is_told_by_when_they_were_due() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.publish(3), 0..3);
        ledger.accepted(0, 10.0);
        ledger.arrived(0, 0, 12.0);
        ledger.arrived(0, 1, 30.0);
        ledger.arrived(0, 1, 31.0);
        ledger.accepted(1, 15.0);
        ledger.arrived(1, 0, 15.0);
        let outcome = ledger.outcome(&(10.0..20.0));
        assert_eq!((outcome.accepted, outcome.delivered), (2, 2));
        assert_eq!((outcome.missing, ledger.again), (1, 1));
        assert_eq!((outcome.lateness.min, outcome.lateness.max), (0.0, 20.0));
        assert!(!ledger.is_settled(0));
        // What was never accepted need not come.
        assert!(ledger.is_settled(2));
    }
}
