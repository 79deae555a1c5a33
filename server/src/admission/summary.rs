//! What was refused, counted for the log: a line for each reason and network every ten seconds,
//! however many refusals there were. Metrics count them by reason alone. The lines of the last
//! minute stay known, for backends that ask who is refused.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::client::{Client, Prefix};

/// From one summary to the next.
pub(super) const PERIOD: Duration = Duration::from_secs(10);
/// Pairs of reason and network that are counted apart within a period.
const MOST_PAIRS: usize = 1_024;
/// Lines of one summary; what is beyond is added up by reason.
const MOST_LINES: usize = 20;
/// Periods that are remembered. With the one that is counted now, they are the last minute.
const REMEMBERED: usize = 5;

type Counts = HashMap<(&'static str, Option<Prefix>), u64>;

/// Counts of what was refused since the last summary, and the summaries before it.
#[derive(Default)]
pub(super) struct Summary {
    counts: Mutex<Counts>,
    past: Mutex<VecDeque<Vec<Line>>>,
}

/// One line of a summary. No network means several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) reason: &'static str,
    pub(super) network: Option<Prefix>,
    pub(super) count: u64,
}

impl Summary {
    /// Counts a refusal.
    pub(super) fn note(&self, reason: &'static str, client: Client) {
        let pair = (reason, Some(client.group().prefix()));
        let mut counts = lock(&self.counts);
        let pair = match counts.len() < MOST_PAIRS || counts.contains_key(&pair) {
            true => pair,
            false => (reason, None),
        };
        *counts.entry(pair).or_default() += 1;
    }

    /// What was counted since the last time, the most frequent first.
    pub(super) fn take(&self) -> Vec<Line> {
        let lines = lines(std::mem::take(&mut *lock(&self.counts)));
        let mut past = lock(&self.past);
        past.truncate(REMEMBERED - 1);
        past.push_front(lines.clone());
        lines
    }

    /// What was counted within the last minute, the most frequent first.
    pub(super) fn recent(&self) -> Vec<Line> {
        let mut counts = lock(&self.counts).clone();
        for line in lock(&self.past).iter().flatten() {
            *counts.entry((line.reason, line.network)).or_default() += line.count;
        }
        lines(counts)
    }

    /// Writes the summary.
    pub(super) fn log(&self) {
        for line in self.take() {
            let network = match line.network {
                Some(network) => network.to_string(),
                None => "several others".to_owned(),
            };
            let (reason, count) = (line.reason, line.count);
            let seconds = PERIOD.as_secs();
            tracing::warn!(reason, network, count, seconds, "refused");
        }
    }
}

/// The counts as lines, the most frequent first; those beyond the most are added up by reason.
fn lines(counts: Counts) -> Vec<Line> {
    let mut lines: Vec<_> = counts
        .into_iter()
        .map(|((reason, network), count)| Line {
            reason,
            network,
            count,
        })
        .collect();
    lines.sort_unstable_by_key(|line| std::cmp::Reverse((line.count, line.network)));
    let rest = lines.split_off(lines.len().min(MOST_LINES));
    for line in rest {
        let sum = lines
            .iter_mut()
            .find(|sum| sum.network.is_none() && sum.reason == line.reason);
        match sum {
            Some(sum) => sum.count += line.count,
            None => lines.push(Line {
                network: None,
                ..line
            }),
        }
    }
    lines
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_flood_from_everywhere_is_a_few_lines() {
        let summary = Summary::default();
        let noisy = Client::new(Ipv4Addr::new(192, 0, 2, 1).into());
        for _ in 0..500 {
            summary.note("banned", noisy);
        }
        for number in 0..100_000u32 {
            let client = Client::new(Ipv4Addr::from_bits(0x0a00_0000 | (number << 8)).into());
            summary.note("address_handshakes", client);
        }
        let lines = summary.take();
        assert!(lines.len() <= MOST_LINES + 2, "{}", lines.len());
        let total: u64 = lines.iter().map(|line| line.count).sum();
        assert_eq!(total, 100_500, "nothing is lost");
        let found = lines.iter().find(|line| line.reason == "banned").unwrap();
        assert_eq!(found.network.unwrap().to_string(), "192.0.2.0/24");
        assert_eq!(summary.take(), []);
    }

    #[test]
    fn the_last_minute_stays_known() {
        let summary = Summary::default();
        let network = |last| Client::new(Ipv4Addr::new(192, 0, last, 1).into());
        summary.note("banned", network(2));
        summary.take();
        summary.note("banned", network(2));
        summary.note("invalid_key", network(3));
        let told = |summary: &Summary| -> Vec<_> {
            let lines = summary.recent().into_iter();
            lines
                .map(|line| (line.reason, line.network.unwrap().to_string(), line.count))
                .collect()
        };
        let (two, three) = ("192.0.2.0/24".to_owned(), "192.0.3.0/24".to_owned());
        let both = [("banned", two, 2), ("invalid_key", three.clone(), 1)];
        assert_eq!(told(&summary), both);
        for _ in 0..REMEMBERED {
            summary.take();
        }
        let mut later = told(&summary);
        later.sort();
        let last = ("banned", "192.0.2.0/24".to_owned(), 1);
        assert_eq!(later, [last, ("invalid_key", three, 1)]);
        summary.take();
        assert!(told(&summary).is_empty());
    }
}
