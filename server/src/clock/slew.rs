//! Time that never leaps: it runs with the monotonic clock, and what it is wrong by is made up for
//! by running a tenth faster or slower. A clock that leaps is believed once it has stayed there for
//! a while. No I/O; all in microseconds.

/// What an offset must exceed to be a leap.
const LEAP: i64 = 1_000_000;
/// How long a clock has to stay where it is until it is believed: after a leap, and at first.
const STEADY: i64 = 10_000_000;
/// By this part of the time that passes, time runs faster or slower while it makes up for an
/// offset.
const RATE: i64 = 10;

/// What a measurement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// The clock is where it should be; what it is off by is made up for.
    Followed(i64),
    /// It has leapt by this, just now. Time goes on as if it had not.
    Leapt(i64),
    /// It leapt a while ago, and is not believed yet.
    Waiting(i64),
    /// It has stayed where it leapt to, by this: that is made up for from now on.
    Believed(i64),
    /// It leapt before it was believed the first time: time has begun anew, by this.
    BegunAnew(i64),
}

/// A clock that never leaps.
#[derive(Debug)]
pub(super) struct Slew {
    /// The monotonic time of the last correction, and what this clock said then.
    at: i64,
    base: i64,
    /// What is still to be made up for since then.
    owed: i64,
    began: i64,
    /// When it was last seen where it should be.
    seen: i64,
    leap: Option<Leap>,
}

/// Where a clock has leapt to, and when.
#[derive(Debug)]
struct Leap {
    since: i64,
    offset: i64,
}

impl Slew {
    /// Time that is `micros` at the monotonic time `at`.
    pub(super) fn starting(at: i64, micros: i64) -> Self {
        Self {
            at,
            base: micros,
            owed: 0,
            began: at,
            seen: at,
            leap: None,
        }
    }

    /// What time it is.
    pub(super) fn micros(&self, at: i64) -> i64 {
        let passed = (at - self.at).max(0);
        let most = passed / RATE;
        self.base + passed + self.owed.clamp(-most, most)
    }

    /// Whether the clock was where it should be for long enough: what expires by it has expired.
    pub(super) fn is_steady(&self) -> bool {
        self.leap.is_none() && self.is_believed()
    }

    fn is_believed(&self) -> bool {
        self.seen - self.began >= STEADY
    }

    /// Takes a reading of the clock that is followed; one that is `rough` shows leaps only.
    pub(super) fn measure(&mut self, at: i64, reading: i64, rough: bool) -> Measured {
        let passed = (at - self.at).max(0);
        // Where it will be once everything is made up for.
        let offset = reading - (self.base + passed + self.owed);
        if offset.abs() <= LEAP {
            (self.leap, self.seen) = (None, at);
            if !rough {
                self.make_up(at, reading);
            }
            return Measured::Followed(offset);
        }
        if !self.is_believed() {
            *self = Self::starting(at, reading);
            return Measured::BegunAnew(offset);
        }
        match &self.leap {
            Some(leap) if (leap.offset - offset).abs() <= LEAP => {
                if at - leap.since < STEADY {
                    return Measured::Waiting(offset);
                }
                (self.leap, self.seen) = (None, at);
                self.make_up(at, reading);
                Measured::Believed(offset)
            }
            _ => {
                self.leap = Some(Leap { since: at, offset });
                Measured::Leapt(offset)
            }
        }
    }

    fn make_up(&mut self, at: i64, reading: i64) {
        self.base = self.micros(at);
        self.at = at;
        self.owed = reading - self.base;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;
    const HOUR: i64 = 3600 * SECOND;

    /// Steady since long ago.
    fn steady() -> Slew {
        let mut slew = Slew::starting(-HOUR, -HOUR);
        read(&mut slew, 0, 0);
        slew
    }

    fn read(slew: &mut Slew, at: i64, reading: i64) -> Measured {
        slew.measure(at, reading, false)
    }

    #[test]
    fn what_it_is_off_by_is_made_up_for_at_a_tenth() {
        let mut slew = steady();
        assert_eq!(
            read(&mut slew, 0, SECOND / 2),
            Measured::Followed(SECOND / 2)
        );
        assert_eq!(slew.micros(0), 0);
        assert_eq!(slew.micros(SECOND), SECOND + SECOND / 10);
        assert_eq!(slew.micros(HOUR), HOUR + SECOND / 2);
        let owed = read(&mut slew, SECOND, SECOND + SECOND / 2);
        assert_eq!(owed, Measured::Followed(0), "it is on its way");
    }

    #[test]
    fn a_leap_of_five_seconds_changes_nothing() {
        let mut slew = steady();
        assert_eq!(read(&mut slew, 0, HOUR), Measured::Leapt(HOUR));
        for second in 1..5 {
            let at = second * SECOND;
            assert_eq!(read(&mut slew, at, HOUR + at), Measured::Waiting(HOUR));
            assert!(!slew.is_steady());
        }
        assert_eq!(
            read(&mut slew, 5 * SECOND, 5 * SECOND),
            Measured::Followed(0)
        );
        assert!(slew.is_steady());
        assert_eq!(slew.micros(6 * SECOND), 6 * SECOND);
    }

    #[test]
    fn a_leap_that_stays_is_believed_and_made_up_for() {
        let mut slew = steady();
        read(&mut slew, 0, -HOUR);
        let believed = read(&mut slew, 10 * SECOND, 10 * SECOND - HOUR);
        assert_eq!(believed, Measured::Believed(-HOUR));
        assert!(slew.is_steady());
        assert_eq!(slew.micros(20 * SECOND), 19 * SECOND);
        let on_its_way = read(&mut slew, 20 * SECOND, 20 * SECOND - HOUR);
        assert_eq!(on_its_way, Measured::Followed(0));
    }

    #[test]
    fn a_leap_before_it_was_ever_believed_begins_anew() {
        let mut slew = Slew::starting(0, HOUR);
        assert_eq!(
            read(&mut slew, 3 * SECOND, 3 * SECOND),
            Measured::BegunAnew(-HOUR)
        );
        assert_eq!(slew.micros(4 * SECOND), 4 * SECOND);
        read(&mut slew, 12 * SECOND, 12 * SECOND);
        assert!(!slew.is_steady());
        read(&mut slew, 13 * SECOND, 13 * SECOND);
        assert!(slew.is_steady());
    }

    #[test]
    fn a_rough_reading_shows_leaps_and_corrects_nothing() {
        let mut slew = steady();
        let rough = slew.measure(SECOND, 2 * SECOND, true);
        assert_eq!(rough, Measured::Followed(SECOND));
        assert_eq!(slew.micros(HOUR), HOUR);
        assert_eq!(slew.measure(HOUR, 0, true), Measured::Leapt(-HOUR));
    }

    proptest! {
        #[test]
        fn it_never_runs_back_and_never_fast(readings in prop::collection::vec((1..30i64, -HOUR..HOUR), 1..40)) {
            let (mut slew, mut at, mut before) = (steady(), 0, 0);
            for (pause, offset) in readings {
                let passed = pause * SECOND;
                at += passed;
                let now = slew.micros(at);
                prop_assert!(now - before >= passed * 9 / 10 - 1, "{now} after {before}");
                prop_assert!(now - before <= passed * 11 / 10 + 1, "{now} after {before}");
                read(&mut slew, at, at + offset);
                prop_assert_eq!(slew.micros(at), now);
                before = now;
            }
        }
    }
}
