//! Turns for what may be done for so many at a time, and how long they are waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// A number of turns that callers wait for.
#[derive(Debug)]
pub struct Turns {
    places: Semaphore,
    /// The longest wait since somebody asked, in milliseconds.
    longest_ms: AtomicU64,
}

impl Turns {
    /// So many at a time.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self {
            places: Semaphore::new(places),
            longest_ms: AtomicU64::new(0),
        }
    }

    /// Waits for a turn, which lasts until the permit is dropped.
    pub(super) async fn take(&self) -> Option<SemaphorePermit<'_>> {
        let asked = Instant::now();
        // The semaphore is never closed.
        let turn = self.places.acquire().await.ok();
        let waited = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.longest_ms.fetch_max(waited, Ordering::Relaxed);
        turn
    }

    /// The longest wait of those that got their turn since this was asked last.
    pub fn longest_wait(&self) -> Duration {
        Duration::from_millis(self.longest_ms.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_wait_is_told_once() {
        let turns = Turns::new(1);
        let first = turns.take().await;
        let second = async {
            let _turn = turns.take().await;
        };
        let release = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            drop(first);
        };
        tokio::join!(second, release);
        assert_eq!(turns.longest_wait(), Duration::from_millis(300));
        assert_eq!(turns.longest_wait(), Duration::ZERO);
    }
}
