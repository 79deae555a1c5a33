//! Rates by the generic cell rate algorithm: one number of state, so that a table can hold one for
//! each address.

use std::time::Duration;

/// Nanoseconds since the node started.
pub(super) type Nanos = u64;

/// The state of one rate: the theoretical arrival time of the next event. Zero is a fresh state.
pub(super) type Arrival = Nanos;

/// Events in a time, all of which may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    /// From one event to the next at a steady pace.
    interval: Nanos,
    /// How far the arrival time may run ahead of the clock.
    tolerance: Nanos,
}

impl Rate {
    /// `burst` events at once, and `per_second` a second after that. Both count as one at least.
    pub(super) fn per_second(per_second: u32, burst: u32) -> Self {
        let interval = 1_000_000_000 / u64::from(per_second.max(1));
        Self::every(interval, burst)
    }

    /// `per_minute` events at once, and as many a minute after that.
    pub(super) fn per_minute(per_minute: u32) -> Self {
        Self::every(60_000_000_000 / u64::from(per_minute.max(1)), per_minute)
    }

    fn every(interval: Nanos, burst: u32) -> Self {
        let tolerance = interval.saturating_mul(u64::from(burst.max(1)) - 1);
        Self {
            interval,
            tolerance,
        }
    }

    /// Takes one event at `now`.
    ///
    /// # Errors
    /// How long to wait until one is free.
    pub(super) fn take(self, arrival: &mut Arrival, now: Nanos) -> Result<(), Duration> {
        let due = (*arrival).max(now);
        match (due - now).checked_sub(self.tolerance) {
            None | Some(0) => {
                *arrival = due.saturating_add(self.interval);
                Ok(())
            }
            Some(early) => Err(Duration::from_nanos(early)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    #[test]
    fn a_burst_is_let_through_and_then_the_steady_pace() {
        let rate = Rate::per_second(10, 3);
        let mut arrival = 0;
        for _ in 0..3 {
            assert_eq!(rate.take(&mut arrival, SECOND), Ok(()));
        }
        let wait = rate.take(&mut arrival, SECOND).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(rate.take(&mut arrival, SECOND + SECOND / 10), Ok(()));
        assert!(rate.take(&mut arrival, SECOND + SECOND / 10).is_err());
    }

    #[test]
    fn over_a_long_time_no_more_than_the_rate_passes() {
        let rate = Rate::per_minute(60);
        let mut arrival = 0;
        let passed = (0..600_000u64)
            .filter(|ms| rate.take(&mut arrival, ms * 1_000_000).is_ok())
            .count();
        // Ten minutes at 60 a minute, and the burst at the start.
        assert!((600..=661).contains(&passed), "{passed}");
    }

    #[test]
    fn quiet_time_saves_up_no_more_than_the_burst() {
        let rate = Rate::per_second(1, 2);
        let mut arrival = 0;
        assert!(rate.take(&mut arrival, 0).is_ok());
        let late = 3_600 * SECOND;
        let passed = (0..10).filter(|_| rate.take(&mut arrival, late).is_ok());
        assert_eq!(passed.count(), 2);
    }
}
