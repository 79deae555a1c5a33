//! Trials that are about time, on a machine that may stand still meanwhile.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;

/// How often the machine is looked at.
const TICK: Duration = Duration::from_millis(5);
/// A stall that no trial notices: each leaves at least twice as much room.
const HARMLESS: Duration = Duration::from_millis(50);
/// Trials before one counts, whatever the machine did: a failure that is always there is none of
/// the machine's.
const TRIALS: usize = 20;

/// Carries out a trial. Where it fails while the machine stood still, it has shown nothing, and is
/// carried out anew: which of a client's, a target's and the balancer's clocks runs out first is
/// anyone's guess after that.
pub async fn unless_stalled<F: Future<Output = ()>>(trial: impl Fn() -> F) {
    for left in (0..TRIALS).rev() {
        let mut stalls = Stalls::new();
        let outcome = tokio::select! {
            outcome = AssertUnwindSafe(trial()).catch_unwind() => outcome,
            () = stalls.watch() => unreachable!("it has no end"),
        };
        match outcome {
            Ok(()) => return,
            Err(panic) if left == 0 || stalls.longest() < HARMLESS => resume_unwind(panic),
            Err(_) => {}
        }
    }
}

/// The times for which nothing ran.
struct Stalls {
    looked: Instant,
    longest: Duration,
}

impl Stalls {
    fn new() -> Self {
        Self {
            looked: Instant::now(),
            longest: Duration::ZERO,
        }
    }

    async fn watch(&mut self) {
        loop {
            tokio::time::sleep(TICK).await;
            self.longest = self.longest();
            self.looked = Instant::now();
        }
    }

    /// The longest so far, with the one that may have just ended.
    fn longest(&self) -> Duration {
        self.longest.max(self.looked.elapsed())
    }
}
