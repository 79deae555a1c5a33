//! How much of the memory the embedded store may take: what the task has is not what the machine
//! has.

use crate::memory;
use crate::store::{MAX_ARCHIVE_BYTES, MAX_STORE_BYTES};

/// Bytes of live messages with all that is known of them, and of messages that have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) live: u64,
    pub(super) ended: u64,
}

/// Half of the memory for what is live and an eighth for what has ended; never more than the
/// store's own bounds.
pub(super) fn bounds() -> Bounds {
    let bounds = within(memory::limit());
    if bounds.live < MAX_STORE_BYTES {
        tracing::info!(
            live_mib = bounds.live >> 20,
            ended_mib = bounds.ended >> 20,
            "the store is bounded by this task's memory"
        );
    }
    bounds
}

fn within(memory: Option<u64>) -> Bounds {
    let memory = memory.unwrap_or(u64::MAX);
    Bounds {
        live: MAX_STORE_BYTES.min(memory / 2),
        ended: MAX_ARCHIVE_BYTES.min(memory / 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_task_has_a_small_store() {
        let small = within(Some(1 << 30));
        assert_eq!((small.live, small.ended), (512 << 20, 128 << 20));
        let large = within(Some(1 << 40));
        assert_eq!(
            (large.live, large.ended),
            (MAX_STORE_BYTES, MAX_ARCHIVE_BYTES)
        );
        assert_eq!(within(None), large);
    }
}
