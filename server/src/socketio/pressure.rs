//! Whether the node keeps up. When thousands of clients come back at once, those that a node cannot
//! carry are asked to come again, so that those it has taken are served: without this, all wait
//! until all time out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::delivery::Context;

/// From one look to the next.
const LOOK: Duration = Duration::from_millis(50);
/// Work that waits longer than this for its turn says that the node has more than it can do: a task
/// for a thread, or a socket for its mailbox to be read.
const MOST_LAG: Duration = Duration::from_secs(1);

/// The node's load, as it was at the last look.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    lag_ms: AtomicU64,
}

impl Pressure {
    /// Starts looking, as long as the runtime lives.
    pub(super) fn watch(context: Arc<Context>) -> Arc<Self> {
        let pressure = Arc::new(Self::default());
        let watched = pressure.clone();
        tokio::spawn(async move {
            loop {
                let start = Instant::now();
                sleep(LOOK).await;
                let lag = start.elapsed().saturating_sub(LOOK);
                watched.note(lag.max(context.reads.longest_wait()));
                context.metrics.lag.observe(lag.as_secs_f64());
            }
        });
        pressure
    }

    /// Rises at once, falls slowly: a burst is over when several looks say so.
    fn note(&self, lag: Duration) {
        let (lag, before) = (lag.as_millis() as u64, self.lag_ms.load(Ordering::Relaxed));
        self.lag_ms
            .store(lag.max(before * 3 / 4), Ordering::Relaxed);
    }

    /// Whether new clients should come again later.
    pub(super) fn is_high(&self) -> bool {
        u128::from(self.lag_ms.load(Ordering::Relaxed)) > MOST_LAG.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_rises_at_once_and_falls_slowly() {
        let pressure = Pressure::default();
        assert!(!pressure.is_high());
        pressure.note(Duration::from_millis(1_500));
        assert!(pressure.is_high());
        pressure.note(Duration::ZERO);
        assert!(pressure.is_high(), "one quiet moment is not the end of it");
        pressure.note(Duration::ZERO);
        assert!(!pressure.is_high());
    }
}
