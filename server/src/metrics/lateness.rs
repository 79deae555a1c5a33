//! How late messages are: since the start for `/metrics`, and of the last minute for CloudWatch.
//!
//! CloudWatch takes at most a hundred values of a metric at once, so the minute is kept in bins of
//! equal ratio. A percentile of them is at most a fifth too high; the maximum is exact.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::histogram::Histogram;

/// The upper bound of the first bin, in µs, as a power of two: 128 µs.
const FIRST: f64 = 7.0;
/// Bins for each doubling.
const FINENESS: f64 = 4.0;
/// From 128 µs to 1,074 s and beyond.
const BINS: usize = 94;

/// How late messages were emitted.
pub struct Lateness {
    pub(super) histogram: Histogram,
    bins: [AtomicU64; BINS],
    longest: AtomicU64,
}

/// How late the messages of a minute were.
#[derive(Debug, Default, PartialEq)]
pub struct Minute {
    /// In ms, rising; at most a hundred.
    pub values: Vec<f64>,
    /// How many messages each value stands for.
    pub counts: Vec<u64>,
}

impl Lateness {
    /// Counts one message.
    pub fn observe(&self, seconds: f64) {
        self.histogram.observe(seconds);
        let micros = seconds.max(0.0) * 1e6;
        self.longest.fetch_max(micros as u64, Ordering::Relaxed);
        self.bins[bin(micros)].fetch_add(1, Ordering::Relaxed);
    }

    /// What was observed since this was asked last.
    pub(crate) fn take(&self) -> Minute {
        let mut minute = Minute::default();
        for (index, bin) in self.bins.iter().enumerate() {
            let count = bin.swap(0, Ordering::Relaxed);
            if count > 0 {
                minute.values.push(upper_bound(index) / 1e3);
                minute.counts.push(count);
            }
        }
        let longest = self.longest.swap(0, Ordering::Relaxed);
        // None where an observation came between.
        if let Some(last) = minute.values.last_mut().filter(|_| longest > 0) {
            *last = longest as f64 / 1e3;
        }
        minute
    }
}

fn bin(micros: f64) -> usize {
    let above = (micros.max(1.0).log2() - FIRST) * FINENESS;
    // A float that is too large or negative becomes the nearest integer that there is.
    (above.ceil() as usize).min(BINS - 1)
}

fn upper_bound(bin: usize) -> f64 {
    (FIRST + bin as f64 / FINENESS).exp2()
}

impl Default for Lateness {
    fn default() -> Self {
        Self {
            histogram: Histogram::new([
                0.000_5, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0,
            ]),
            bins: std::array::from_fn(|_| AtomicU64::new(0)),
            longest: AtomicU64::new(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_is_at_most_a_fifth_too_high_and_the_longest_is_exact() {
        for micros in [130.0, 999.0, 12_345.0, 1e6, 9e8] {
            let ratio = upper_bound(bin(micros)) / micros;
            assert!((1.0..1.2).contains(&ratio), "{micros} µs: {ratio}");
        }
        let lateness = Lateness::default();
        for seconds in [0.0, 0.000_1, 0.004, 0.004, 7.777] {
            lateness.observe(seconds);
        }
        let minute = lateness.take();
        assert_eq!(minute.counts, [2, 2, 1]);
        assert_eq!((minute.values[0], minute.values[2]), (0.128, 7_777.0));
        assert_eq!(lateness.take(), Minute::default());
    }

    #[test]
    fn cloudwatch_takes_all_of_it_at_once() {
        let lateness = Lateness::default();
        (0..100_000).for_each(|n| lateness.observe(1.000_3_f64.powi(n) / 1e5));
        let minute = lateness.take();
        assert!(minute.values.len() <= 100, "{}", minute.values.len());
        assert!(minute.values.is_sorted());
        assert_eq!(minute.counts.iter().sum::<u64>(), 100_000);
    }
}
