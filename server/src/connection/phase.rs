//! What a connection is doing, as its stream and its service both need to know.

use std::sync::atomic::{AtomicU8, Ordering};

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

/// The phase of one connection.
#[derive(Debug)]
pub(super) struct Current(AtomicU8);

impl Current {
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(Phase::Fresh as u8))
    }

    pub(super) fn get(&self) -> Phase {
        PHASES[usize::from(self.0.load(Ordering::Relaxed))]
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }
}
