//! How often a message is repeated, how many are in flight, and how far ahead a node looks.

use std::time::Duration;

/// The delivery's constants; tests shorten them.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// After this long without an acknowledgement a message is emitted again; then after twice
    /// that, and so on.
    pub retry_after: Duration,
    /// How often a message is emitted again on a live socket.
    pub retries: u32,
    /// Unacknowledged messages in flight on a WebSocket.
    pub window: usize,
    /// The same on polling.
    pub polling_window: usize,
    /// From one reading of a mailbox to the next, which repairs lost announcements.
    pub sweep: Duration,
    /// How far ahead messages are held in timers; more than twice `sweep` would only cost memory.
    pub horizon: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            retry_after: Duration::from_secs(15),
            retries: 5,
            window: 16,
            polling_window: 8,
            sweep: Duration::from_secs(30),
            horizon: Duration::from_secs(60),
        }
    }
}
