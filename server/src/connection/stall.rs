//! A clock on writes that wait: it measures what the client reads over the whole wait, so that a
//! byte now and then does not turn it back.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long writes may wait for a client that reads nothing.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes a second that a client must read to be waited for longer: a window of the largest
/// messages. The kernel takes as much before anything waits here, so that a client on a bad line
/// has nothing to fear.
pub(crate) const LEAST_READ: u64 = 256 * 1024;

/// From the first write that waited until nothing waits any more.
#[derive(Debug)]
pub(crate) struct Stall {
    since: Instant,
    /// Bytes that the client has taken since.
    taken: u64,
    timer: Pin<Box<Sleep>>,
}

impl Stall {
    /// Begins now.
    pub(crate) fn begin() -> Self {
        let since = Instant::now();
        Self {
            since,
            taken: 0,
            timer: Box::pin(sleep_until(since + STALL_TIMEOUT)),
        }
    }

    /// Notes that the client has taken more.
    pub(crate) fn took(&mut self, bytes: usize) {
        self.taken += bytes as u64;
    }

    /// Ready once the client has read too little for too long: with what is counted.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        let deadline = deadline(self.since, self.taken);
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(cx).map(|()| {
            if self.taken == 0 {
                "stalled"
            } else {
                "slow_reader"
            }
        })
    }
}

fn deadline(since: Instant, taken: u64) -> Instant {
    since + STALL_TIMEOUT + Duration::from_millis(taken.saturating_mul(1000) / LEAST_READ)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_buys_time_only_as_far_as_it_goes() {
        let since = Instant::now();
        for (taken, seconds) in [
            (0, 30),
            (1, 30),
            (LEAST_READ, 31),
            // 2 KiB every 20 ms for a minute: 100 KiB/s.
            (60 * 50 * 2048, 53),
            (3600 * LEAST_READ, 3630),
        ] {
            let waited = deadline(since, taken).duration_since(since);
            assert_eq!(waited.as_secs(), seconds, "{taken}");
        }
    }
}
