//! Time as the store tells it: points in time, and the node's measured view of the store's clock.
//!
//! Nothing else in the server asks the operating system for the date, but the log.

mod slew;
mod system;

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::time::Instant;

use slew::Slew;

pub use slew::Measured;
pub use system::{measure_system, system_is_steady, system_micros, wall_micros};

/// A point in time: whole milliseconds since the Unix epoch, written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// This point, `duration` later (saturating).
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms))
    }

    /// The time from `earlier` to this point; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for Millis {
    type Err = String;

    /// Reads RFC 3339 with an offset (`2026-01-31T20:00:00.250Z`); parts of a millisecond are
    /// dropped.
    fn from_str(text: &str) -> Result<Self, String> {
        // jiff also reads looser ISO 8601 and its extensions; the interface promises RFC 3339
        // alone.
        let bytes = text.as_bytes();
        let offset = matches!(
            bytes,
            [.., b'Z' | b'z'] | [.., b'+' | b'-', _, _, b':', _, _]
        );
        let strict = offset
            && bytes
                .get(10)
                .is_some_and(|b| matches!(b, b'T' | b't' | b' '));
        match text.parse::<jiff::Timestamp>() {
            Ok(timestamp) if strict => Ok(Self(timestamp.as_millisecond())),
            _ => Err("expected an RFC 3339 time such as 2026-01-31T20:00:00.250Z".into()),
        }
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One moment, on the machine's monotonic clock and on the store's.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// On the monotonic clock.
    pub instant: Instant,
    /// On the store's: microseconds since the Unix epoch.
    pub micros: i64,
}

impl Moment {
    /// On the store's clock, in whole milliseconds.
    #[must_use]
    pub fn millis(self) -> Millis {
        Millis(self.micros.div_euclid(1000))
    }

    /// When the store's clock reaches `at`; this moment if that is past.
    #[must_use]
    pub fn instant_of(self, at: Millis) -> Instant {
        let wait = at.0.saturating_mul(1000).saturating_sub(self.micros);
        self.instant + Duration::from_micros(u64::try_from(wait).unwrap_or(0))
    }
}

/// The store's clock, as this node has measured it.
///
/// It runs on the machine's monotonic clock, and never leaps: see `slew`. Whatever the store's
/// clock does, no timer moves, and nothing expires that would not have.
#[derive(Debug)]
pub struct Clock {
    origin: Instant,
    slew: Mutex<Slew>,
}

impl Clock {
    /// A clock that says `micros` (since the Unix epoch) now.
    #[must_use]
    pub fn starting_at(micros: i64) -> Self {
        Self {
            origin: Instant::now(),
            slew: Mutex::new(Slew::starting(0, micros)),
        }
    }

    /// This moment on both clocks.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let instant = Instant::now();
        let at = self.elapsed_at(instant);
        let micros = self.lock().micros(at);
        Moment { instant, micros }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn micros(&self) -> i64 {
        self.moment().micros
    }

    /// Now, in whole milliseconds.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.moment().millis()
    }

    /// The moment at which this clock reaches `at`; now if that is past.
    #[must_use]
    pub fn instant(&self, at: Millis) -> Instant {
        self.moment().instant_of(at)
    }

    /// Whether the store's clock was where it should be for long enough to retire what has expired
    /// by it.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        self.lock().is_steady()
    }

    /// Takes a reading of the store's clock that was asked for at `asked` and has just arrived. The
    /// store is assumed to have read it halfway; after a slow trip it is `rough`, and shows leaps
    /// only.
    pub fn measure(&self, store_micros: i64, asked: Instant, rough: bool) -> Measured {
        let half_trip = asked.elapsed() / 2;
        let reading = store_micros.saturating_add(half_trip.as_micros() as i64);
        let at = self.elapsed_at(Instant::now());
        self.lock().measure(at, reading, rough)
    }

    fn elapsed_at(&self, instant: Instant) -> i64 {
        let elapsed = instant.duration_since(self.origin);
        i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Slew> {
        self.slew.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_with_milliseconds() {
        let at: Millis = "2026-01-31T20:00:00.2509Z".parse().unwrap();
        assert_eq!(at.to_string(), "2026-01-31T20:00:00.250Z");
        assert_eq!("2026-01-31T21:00:00.25+01:00".parse(), Ok(at));
        for bad in [
            "2026-01-31",
            "2026-01-31T20:00:00",
            "20:00",
            "1769889600",
            "",
            "2026-02-30T00:00:00Z",
            "2026-01-31T20:00:00+01",
            "2026-01-31T20:00:00+01:00[Europe/Madrid]",
            "20260131T200000Z",
        ] {
            assert!(bad.parse::<Millis>().is_err(), "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn follows_the_store_without_leaps() {
        let clock = Clock::starting_at(1_000_000);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now(), Millis(3_000));

        let asked = Instant::now();
        tokio::time::advance(Duration::from_millis(10)).await;
        let measured = clock.measure(3_505_000, asked, false);
        assert_eq!(measured, Measured::Followed(500_000));
        assert_eq!(clock.now(), Millis(3_010));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.now(), Millis(4_110));
        assert_eq!(
            clock.instant(Millis(4_210)) - Instant::now(),
            Duration::from_millis(100)
        );
        assert_eq!(clock.instant(Millis(1)), Instant::now());
        assert!(!clock.is_steady());
        tokio::time::advance(Duration::from_secs(30)).await;
        clock.measure(clock.micros(), Instant::now(), false);
        assert!(clock.is_steady());
    }
}
