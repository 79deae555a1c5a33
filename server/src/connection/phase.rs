//! What a connection is doing, as its stream and its service both need to know.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// What the connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing was received yet.
    Fresh,
    /// Between two requests.
    Idle,
    /// A request's header has begun to arrive.
    Header,
    /// A request is being answered.
    Busy,
}

const PHASES: [Phase; 4] = [Phase::Fresh, Phase::Idle, Phase::Header, Phase::Busy];

/// The phase of one connection, and whether its last write has to wait.
#[derive(Debug)]
pub(super) struct Current {
    phase: AtomicU8,
    write_waits: AtomicBool,
}

impl Current {
    pub(super) fn new() -> Self {
        Self {
            phase: AtomicU8::new(Phase::Fresh as u8),
            write_waits: AtomicBool::new(false),
        }
    }

    pub(super) fn get(&self) -> Phase {
        PHASES[usize::from(self.phase.load(Ordering::Relaxed))]
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(super) fn write_waits(&self) -> bool {
        self.write_waits.load(Ordering::Relaxed)
    }

    pub(super) fn set_write_waits(&self, waits: bool) {
        self.write_waits.store(waits, Ordering::Relaxed);
    }
}
