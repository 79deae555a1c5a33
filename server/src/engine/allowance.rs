//! How much a client may send: every frame and every byte counts, whatever it is for. A client that
//! only receives and acknowledges never comes near it; whoever sends more than that costs no more
//! than this.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// What a frame or a request costs beside its bytes: the work for an empty one.
const FRAME: u64 = 128;
/// What a message that is sent to the client gives back: a poll, and a request with its
/// acknowledgement.
const REPLY: u64 = 512;
/// Bytes a second that a client may send for long: some 60 small frames.
const PER_SECOND: u64 = 8 * 1024;
/// Bytes that a client may send at once, beside some messages of the largest size.
const BURST: u64 = 32 * 1024;
/// Messages of the largest size that a client may send at once.
const LARGEST_AT_ONCE: u64 = 4;

const MICROS: u64 = 1_000_000;

/// What one session may still send, on whichever transport.
///
/// A generic cell rate algorithm: one number says until when what was sent is paid for.
#[derive(Debug)]
pub struct Allowance {
    start: Instant,
    /// Microseconds after `start` until which the rate is used up.
    used_until: AtomicU64,
    /// How far ahead of now that may be, in microseconds.
    burst: u64,
}

impl Allowance {
    /// The allowance of a session whose messages may have `max_payload` bytes.
    #[must_use]
    pub fn new(max_payload: usize) -> Self {
        let largest = u64::try_from(max_payload).unwrap_or(u64::MAX);
        let burst = BURST.saturating_add(largest.saturating_mul(LARGEST_AT_ONCE));
        Self {
            start: Instant::now(),
            used_until: AtomicU64::new(0),
            burst: time_of(burst),
        }
    }

    /// Takes `frames` frames or requests that have `bytes` bytes in all. False if that is more than
    /// allowed.
    pub fn take(&self, frames: u64, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let cost = time_of(frames.saturating_mul(FRAME).saturating_add(bytes));
        let now = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let after = |until: u64| until.max(now).saturating_add(cost);
        let before = self
            .used_until
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |until| {
                Some(after(until))
            });
        let (Ok(before) | Err(before)) = before;
        after(before) <= now.saturating_add(self.burst)
    }

    /// Allows for the answer to a message that was sent to the client.
    pub fn expect_reply(&self) {
        let reply = time_of(REPLY);
        let _ = self
            .used_until
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |until| {
                Some(until.saturating_sub(reply))
            });
    }
}

/// How long the rate needs for so many bytes, in microseconds.
fn time_of(bytes: u64) -> u64 {
    bytes.saturating_mul(MICROS) / PER_SECOND
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    /// How many calls of `take` pass in a row.
    fn taken(allowance: &Allowance, frames: u64, bytes: usize) -> u64 {
        let mut taken = 0;
        while allowance.take(frames, bytes) {
            taken += 1;
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_allowed_and_then_the_rate() {
        let allowance = Allowance::new(1024);
        assert_eq!(taken(&allowance, 1, 0), (BURST + 4096) / FRAME);
        // The one that was too much counts too: whoever goes on gets nothing.
        advance(Duration::from_secs(1)).await;
        assert_eq!(taken(&allowance, 1, 0), PER_SECOND / FRAME - 1);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(taken(&allowance, 1, 0), (BURST + 4096) / FRAME);
    }

    #[tokio::test(start_paused = true)]
    async fn large_messages_pass_where_they_may_be_large() {
        let largest = 1 << 20;
        let allowance = Allowance::new(largest);
        assert_eq!(taken(&allowance, 1, largest), 4);
        assert!(!Allowance::new(1024).take(1, largest));
        assert!(!allowance.take(u64::MAX, usize::MAX), "nothing overflows");
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_messages_never_uses_it_up() {
        let allowance = Allowance::new(1024);
        for _ in 0..10_000 {
            allowance.expect_reply();
            assert!(allowance.take(1, 0) && allowance.take(1, 180));
        }
        // What is not used is not kept: thousands of messages buy no flood.
        for _ in 0..10_000 {
            allowance.expect_reply();
        }
        assert_eq!(taken(&allowance, 1, 0), (BURST + 4096) / FRAME);
    }
}
