//! What a node's values were within the last minute: what stands now, and how much was added.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::exposition::{Series, Values};

/// How far back histograms go: enough for a quantile where little happens.
const HISTOGRAMS: Duration = Duration::from_secs(60);
/// How far back rates go.
const RATES: Duration = Duration::from_secs(10);
/// Two answers of a node that are nearer to each other are of one round: the later one counts.
const ROUND: Duration = Duration::from_millis(500);

/// The samples of one node, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Window(VecDeque<(Instant, Values)>);

/// A node's values, or the sums over several nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    /// What stands now.
    pub(super) now: Values,
    /// What is added each second, over the last ten.
    pub(super) rates: Values,
    /// What was added within the last minute.
    pub(super) minute: Values,
}

impl Window {
    /// Takes a sample. Samples may come in any order.
    pub(super) fn add(&mut self, at: Instant, values: Values) {
        match self.0.back_mut() {
            Some((last, _)) if at <= *last => return,
            Some(last) if at - last.0 < ROUND => *last = (at, values),
            _ => self.0.push_back((at, values)),
        }
        while self.0.len() > 2
            && self
                .0
                .front()
                .is_some_and(|(old, _)| at - *old > HISTOGRAMS)
        {
            self.0.pop_front();
        }
    }

    /// When the node answered last.
    pub(super) fn last(&self) -> Option<Instant> {
        self.0.back().map(|(at, _)| *at)
    }

    /// What it says of the node.
    pub(super) fn sums(&self) -> Sums {
        let Some((last, now)) = self.0.back() else {
            return Sums::default();
        };
        let begin = self.0.iter().find(|(at, _)| *last - *at <= RATES);
        let (since, before) = begin.unwrap_or(&self.0[0]);
        let seconds = (*last - *since).as_secs_f64();
        let per_second = |value: f64| if seconds > 0.0 { value / seconds } else { 0.0 };
        Sums {
            now: now.clone(),
            rates: added(before, now, per_second),
            minute: added(&self.0[0].1, now, |value| value),
        }
    }
}

/// What was added between two samples. A value that has fallen is one of a node that started anew.
fn added(before: &Values, now: &Values, of: impl Fn(f64) -> f64) -> Values {
    let one = |(series, value): (&Series, &f64)| {
        let was = before.get(series).copied().unwrap_or(0.0);
        let grown = if *value < was { *value } else { value - was };
        (series.clone(), of(grown))
    };
    now.iter().map(one).collect()
}

impl Sums {
    /// Adds another node's.
    pub(super) fn add(&mut self, other: &Self) {
        for (all, more) in [
            (&mut self.now, &other.now),
            (&mut self.rates, &other.rates),
            (&mut self.minute, &other.minute),
        ] {
            for (series, value) in more {
                *all.entry(series.clone()).or_default() += value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::exposition::parse;
    use super::*;

    fn value(values: &Values) -> f64 {
        values.values().sum()
    }

    #[test]
    fn rates_are_of_ten_seconds_and_histograms_of_a_minute() {
        let start = Instant::now();
        let mut window = Window::default();
        for second in 0..=100 {
            let text = format!("a_total {}\n", second * 5);
            window.add(start + Duration::from_secs(second), parse(&text));
        }
        let sums = window.sums();
        assert_eq!(
            (value(&sums.now), value(&sums.rates), value(&sums.minute)),
            (500.0, 5.0, 300.0)
        );
        let mut both = sums.clone();
        both.add(&sums);
        assert_eq!((value(&both.now), value(&both.rates)), (1000.0, 10.0));
    }

    #[test]
    fn two_answers_of_one_round_are_one_sample() {
        let start = Instant::now();
        let micros = Duration::from_micros(50);
        let mut window = Window::default();
        window.add(start, parse("a_total 100\n"));
        window.add(
            start + Duration::from_secs(20) + micros,
            parse("a_total 300\n"),
        );
        // The older page may be read later.
        window.add(start + Duration::from_secs(20), parse("a_total 299\n"));
        window.add(
            start + Duration::from_secs(20) + 2 * micros,
            parse("a_total 301\n"),
        );
        let sums = window.sums();
        assert_eq!((value(&sums.now), value(&sums.rates)), (301.0, 0.0));
    }

    #[test]
    fn one_sample_has_no_rate_and_a_restart_is_no_loss() {
        let start = Instant::now();
        let mut window = Window::default();
        window.add(start, parse("a_total 90\n"));
        assert_eq!(
            (value(&window.sums().rates), value(&window.sums().minute)),
            (0.0, 0.0)
        );
        window.add(start + Duration::from_secs(2), parse("a_total 4\n"));
        assert_eq!(
            (value(&window.sums().rates), value(&window.sums().minute)),
            (2.0, 4.0)
        );
    }
}
