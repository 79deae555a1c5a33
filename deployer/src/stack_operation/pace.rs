//! How often AWS is asked: soon at first, since small changes are done in a moment, and then at a
//! pace that leaves an account's other deployments room under CloudFormation's call limits.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const FIRST: Duration = Duration::from_millis(250);
const SLOWEST: Duration = Duration::from_secs(3);

/// A pace that slows down to a call every three seconds.
#[derive(Debug)]
pub(super) struct Pace(Duration);

impl Pace {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// Waits for the next time to ask, but not beyond `until`; whether that was reached.
    pub(super) async fn next(&mut self, until: Instant) -> bool {
        let at = Instant::now() + self.0;
        self.0 = (self.0 * 2).min(SLOWEST);
        sleep_until(at.min(until)).await;
        Instant::now() >= until
    }
}
