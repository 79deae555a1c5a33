//! When a task asks for protection, and when it lets go. No I/O.

use std::time::Duration;

use tokio::time::Instant;

/// From one renewal to the next.
const RENEW: Duration = Duration::from_secs(60);
/// A peak is over once nothing has shown it for so long.
const QUIET: Duration = Duration::from_secs(5);
/// The longest protection for peaks in a row, and the rest after it: a deployment has its turn.
const LONGEST: Duration = Duration::from_secs(600);
const REST: Duration = Duration::from_secs(300);
/// After an ask that failed, and then twice that, and so on.
const RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// What to ask ECS for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Protect,
    /// The protection again, before it ends.
    Renew,
    Release,
}

#[derive(Debug, Default)]
pub(super) struct Course {
    /// Since when the task is protected, and when that was asked for last.
    protected: Option<(Instant, Instant)>,
    last_peak: Option<Instant>,
    rests_until: Option<Instant>,
    retry: Option<(Instant, Duration)>,
}

impl Course {
    pub(super) fn is_protected(&self) -> bool {
        self.protected.is_some()
    }

    /// What is to be asked now.
    pub(super) fn next(&mut self, now: Instant, is_peak: bool, draining: bool) -> Option<Ask> {
        if is_peak {
            self.last_peak = Some(now);
        }
        let in_peak = self.last_peak.is_some_and(|last| now < last + QUIET);
        if self.retry.is_some_and(|(at, _)| now < at) {
            return None;
        }
        match self.protected {
            None => {
                let rests = self.rests_until.is_some_and(|until| now < until);
                (draining || (is_peak && !rests)).then_some(Ask::Protect)
            }
            Some(_) if !draining && !in_peak => Some(Ask::Release),
            Some((since, _)) if !draining && now >= since + LONGEST => Some(Ask::Release),
            Some((_, asked)) => (now >= asked + RENEW).then_some(Ask::Renew),
        }
    }

    /// Takes what came of it.
    pub(super) fn asked(&mut self, now: Instant, ask: Ask, done: bool) {
        if !done {
            let pause = self.retry.map_or(RETRY, |(_, pause)| pause * 2);
            let pause = pause.min(LONGEST_RETRY);
            self.retry = Some((now + pause, pause));
            return;
        }
        self.retry = None;
        self.protected = match (ask, self.protected) {
            (Ask::Release, Some((since, _))) => {
                if now >= since + LONGEST {
                    self.rests_until = Some(now + REST);
                }
                None
            }
            (Ask::Renew, Some((since, _))) => Some((since, now)),
            (Ask::Release, None) => None,
            (Ask::Protect | Ask::Renew, _) => Some((now, now)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets seconds pass, all alike; returns the asks with their seconds.
    fn pass(
        course: &mut Course,
        from: Instant,
        seconds: std::ops::Range<u64>,
        (is_peak, draining, answers): (bool, bool, bool),
    ) -> Vec<(u64, Ask)> {
        let mut asks = Vec::new();
        for second in seconds {
            let now = from + Duration::from_secs(second);
            if let Some(ask) = course.next(now, is_peak, draining) {
                asks.push((second, ask));
                course.asked(now, ask, answers);
            }
        }
        asks
    }

    const PEAK: (bool, bool, bool) = (true, false, true);
    const QUIET_TIME: (bool, bool, bool) = (false, false, true);

    #[test]
    fn a_peak_is_protected_renewed_and_released() {
        let (mut course, start) = (Course::default(), Instant::now());
        assert_eq!(pass(&mut course, start, 0..10, QUIET_TIME), []);
        let asks = pass(&mut course, start, 10..100, PEAK);
        assert_eq!(asks, [(10, Ask::Protect), (70, Ask::Renew)]);
        let asks = pass(&mut course, start, 100..200, QUIET_TIME);
        assert_eq!(asks, [(104, Ask::Release)]);
    }

    #[test]
    fn a_short_quiet_does_not_end_a_peak() {
        let (mut course, start) = (Course::default(), Instant::now());
        pass(&mut course, start, 0..10, PEAK);
        assert_eq!(pass(&mut course, start, 10..14, QUIET_TIME), []);
        assert_eq!(pass(&mut course, start, 14..20, PEAK), []);
    }

    #[test]
    fn a_peak_without_end_rests() {
        let (mut course, start) = (Course::default(), Instant::now());
        let asks = pass(&mut course, start, 0..1_000, PEAK);
        let turns: Vec<_> = asks
            .into_iter()
            .filter(|(_, ask)| *ask != Ask::Renew)
            .collect();
        assert_eq!(
            turns,
            [(0, Ask::Protect), (600, Ask::Release), (900, Ask::Protect)]
        );
    }

    #[test]
    fn a_drain_is_protected_even_in_a_rest() {
        let (mut course, start) = (Course::default(), Instant::now());
        pass(&mut course, start, 0..700, PEAK);
        assert!(!course.is_protected());
        let asks = pass(&mut course, start, 700..710, (false, true, true));
        assert_eq!(asks, [(700, Ask::Protect)]);
    }

    #[test]
    fn what_fails_is_asked_again_ever_more_rarely() {
        let (mut course, start) = (Course::default(), Instant::now());
        let asks = pass(&mut course, start, 0..40, (true, false, false));
        let seconds: Vec<_> = asks.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [0, 2, 6, 14, 30]);
        let asks = pass(&mut course, start, 40..100_000, (true, false, false));
        let gaps = asks.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert_eq!(gaps.max(), Some(300));
        // A release that fails is no matter: the protection ends by itself.
        let asks = pass(&mut course, start, 100_000..100_400, PEAK);
        assert_eq!(asks[0].1, Ask::Protect);
        assert!(course.is_protected());
    }
}
