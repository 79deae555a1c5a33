//! Waiting for AWS: never in silence, not beyond the time that there is, and through what passes.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::pace::Pace;
use super::{Notice, Reporter, Stopped};
use crate::aws::Error;

/// The longest that nothing is told: pipelines kill what is silent.
const SILENCE: Duration = Duration::from_secs(25);
/// A call that takes longer is worth telling.
const SLOW: Duration = Duration::from_secs(1);
/// How long AWS may be out of reach before it is given up.
pub(super) const OUTAGE: Duration = Duration::from_secs(300);

/// Somebody who waits.
pub(super) struct Wait<'a> {
    pub(super) began: Instant,
    reporter: &'a mut dyn Reporter,
    told: Instant,
    until: Instant,
    /// Since when AWS has not been reached.
    reached: Instant,
    pace: Pace,
}

impl<'a> Wait<'a> {
    pub(super) fn new(until: Instant, reporter: &'a mut dyn Reporter) -> Self {
        let began = Instant::now();
        Self {
            began,
            reporter,
            told: began,
            until,
            reached: began,
            pace: Pace::new(),
        }
    }

    pub(super) fn tell(&mut self, notice: &Notice) {
        self.reporter.tell(notice);
        self.told = Instant::now();
    }

    /// Lets a screen draw what moves by itself.
    pub(super) fn tick(&mut self) {
        self.reporter.tell(&Notice::Tick);
    }

    /// Waits for an answer of AWS's.
    pub(super) async fn answer<T>(
        &mut self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Stopped> {
        let mut call = pin!(call);
        // A call that is answered at once is not what one waits for.
        let slow = Instant::now() + SLOW;
        loop {
            let silent = slow.max(self.told + SILENCE);
            tokio::select! {
                biased;
                answer = &mut call => return Ok(answer?),
                () = sleep_until(self.until) => return Err(Stopped::TimedOut),
                () = sleep_until(silent) => self.waiting("AWS to answer"),
            }
        }
    }

    /// What is left of an attempt that failed: nothing, if that passes and AWS was reached lately.
    /// The attempt is made again then.
    pub(super) fn survive<T>(&mut self, tried: Result<T, Stopped>) -> Result<Option<T>, Stopped> {
        match tried {
            Ok(done) => {
                self.reached = Instant::now();
                Ok(Some(done))
            }
            Err(Stopped::Lost(error))
                if error.kind().passes() && self.reached.elapsed() < OUTAGE =>
            {
                self.tell(&Notice::Trouble(error.to_string()));
                Ok(None)
            }
            Err(stopped) => Err(stopped),
        }
    }

    /// Waits until it is time for the next look, and says what for if nothing was told for long.
    pub(super) async fn pause(&mut self, on: impl FnOnce() -> String) -> Result<(), Stopped> {
        if self.told.elapsed() >= SILENCE {
            self.waiting(&on());
        }
        if self.pace.next(self.until).await {
            return Err(Stopped::TimedOut);
        }
        Ok(())
    }

    fn waiting(&mut self, on: &str) {
        let (elapsed, on) = (self.began.elapsed(), on.to_owned());
        self.tell(&Notice::Waiting { elapsed, on });
    }
}

/// Asks AWS until there is an answer, as patiently as a watch does: after a stack was changed, a
/// call that fails for a moment must not make it look as if nothing had come of it.
///
/// # Errors
/// The time was up, AWS refuses, or cannot be asked any more.
pub async fn patiently<T>(
    until: Instant,
    reporter: &mut dyn Reporter,
    mut call: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, Stopped> {
    let mut wait = Wait::new(until, reporter);
    loop {
        let tried = wait.answer(call()).await;
        if let Some(answer) = wait.survive(tried)? {
            return Ok(answer);
        }
        wait.pause(|| "AWS to answer".to_owned()).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[derive(Default)]
    struct Told(Vec<(Instant, String)>);

    impl Reporter for Told {
        fn tell(&mut self, notice: &Notice) {
            self.0.push((Instant::now(), notice.text()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_is_neither_silent_nor_endless() {
        let began = Instant::now();
        let mut told = Told::default();
        let until = began + Duration::from_secs(100);
        let answer = patiently(until, &mut told, async || {
            pending::<Result<(), Error>>().await
        });
        assert!(matches!(answer.await, Err(Stopped::TimedOut)));
        assert_eq!(began.elapsed(), Duration::from_secs(100));
        let at: Vec<_> = told
            .0
            .iter()
            .map(|(at, _)| at.duration_since(began).as_secs())
            .collect();
        assert_eq!(at, [25, 50, 75]);
        assert!(told.0[0].1.contains("AWS to answer"), "{:?}", told.0);
    }
}
