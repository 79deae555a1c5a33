//! The idle clock of one connection: when its last payload byte went either way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Bytes and times of one TCP connection. TCP keep-alive never shows up here: it carries no
/// payload.
pub(crate) struct Activity {
    born: Instant,
    last: AtomicU64,
    /// Whether bytes have come in since the last ones went out: a request that has begun.
    unanswered: AtomicBool,
    /// Requests that are being forwarded on this connection; their own timers speak for it.
    pub(crate) in_flight: AtomicUsize,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            born: Instant::now(),
            last: AtomicU64::new(0),
            unanswered: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
        })
    }

    fn touch(&self) {
        let micros = u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(micros, Ordering::Relaxed);
    }

    pub(crate) fn received(&self) {
        self.unanswered.store(true, Ordering::Relaxed);
        self.touch();
    }

    pub(crate) fn sent(&self) {
        self.unanswered.store(false, Ordering::Relaxed);
        self.touch();
    }

    /// How long this connection has been open.
    pub(crate) fn age(&self) -> Duration {
        self.born.elapsed()
    }

    pub(crate) fn unanswered(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed)
    }

    fn last(&self) -> Instant {
        self.born + Duration::from_micros(self.last.load(Ordering::Relaxed))
    }

    /// Ends when none of `connections` has had a byte for `timeout`.
    pub(crate) async fn quiet<const N: usize>(connections: [&Self; N], timeout: Duration) {
        loop {
            let Some(last) = connections.iter().map(|activity| activity.last()).max() else {
                return;
            };
            if last.elapsed() >= timeout {
                return;
            }
            tokio::time::sleep_until(last + timeout).await;
        }
    }

    /// Ends when the connection has had no byte for `timeout` while no request was being forwarded
    /// on it.
    pub(crate) async fn unused(&self, timeout: Duration) {
        loop {
            Self::quiet([self], timeout).await;
            if self.in_flight.load(Ordering::Relaxed) == 0 {
                return;
            }
            // A request waits for its target, whose own timer decides; look again when it can have.
            tokio::time::sleep(timeout / 10).await;
        }
    }

    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }
}

/// One request under way; ends with the value.
pub(crate) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
