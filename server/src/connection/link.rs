//! The handle of one TCP connection: by it anyone can end the connection, ask for a sign of life,
//! and learn when the client was last heard of. It does not keep the connection open.

use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::allowance::Allowance;

/// A WebSocket ping without content, as a server sends it (RFC 6455, section 5.5.2): every client
/// answers.
const WEBSOCKET_PING: [u8; 2] = [0x89, 0x00];

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
    /// The connection carries a WebSocket.
    Upgraded,
}

const PHASES: [Phase; 5] = [
    Phase::Fresh,
    Phase::Idle,
    Phase::Header,
    Phase::Busy,
    Phase::Upgraded,
];

/// See the module.
#[derive(Debug)]
pub struct Link {
    stream: Weak<TcpStream>,
    opened: Instant,
    /// Milliseconds from `opened` to the last byte received.
    heard: AtomicU64,
    phase: AtomicU8,
    /// Why this side has cut it.
    cause: OnceLock<&'static str>,
    /// What its WebSocket may send.
    allowance: Mutex<Option<Arc<Allowance>>>,
    /// Whether all that was written is flushed, so that a WebSocket stands between two frames.
    between_frames: Mutex<bool>,
}

impl Link {
    pub(super) fn new(stream: Weak<TcpStream>) -> Self {
        Self {
            stream,
            opened: Instant::now(),
            heard: AtomicU64::new(0),
            phase: AtomicU8::new(Phase::Fresh as u8),
            cause: OnceLock::new(),
            allowance: Mutex::new(None),
            between_frames: Mutex::new(true),
        }
    }

    /// When the last byte arrived.
    #[must_use]
    pub fn last_heard(&self) -> Instant {
        self.opened + Duration::from_millis(self.heard.load(Ordering::Relaxed))
    }

    /// Why the connection was cut, if what went over it was the cause: `stalled`, `slow_reader` or
    /// `noisy_client`.
    #[must_use]
    pub fn cause(&self) -> Option<&'static str> {
        self.cause.get().copied()
    }

    /// Says whose allowance the connection's WebSocket uses: its session's.
    pub fn allow(&self, allowance: Arc<Allowance>) {
        *lock(&self.allowance) = Some(allowance);
    }

    /// Ends the connection: what was written still arrives, then the client sees its end.
    /// False if there was none any more.
    pub fn end(&self) -> bool {
        let stream = self.stream.upgrade();
        if let Some(stream) = &stream {
            // An error means that it is closed already, which its reader is about to learn.
            let _ = SockRef::from(&**stream).shutdown(std::net::Shutdown::Both);
        }
        stream.is_some()
    }

    /// Whether the connection carries a WebSocket.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        self.phase() == Phase::Upgraded
    }

    /// Cuts the connection at once; what is not sent yet is dropped. False if there was none any
    /// more.
    pub fn cut(&self) -> bool {
        if let Some(stream) = self.stream.upgrade() {
            // Without lingering, closing resets the connection: a client that does not read cannot
            // hold it.
            let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
        }
        self.end()
    }

    /// Sends a WebSocket ping past the WebSocket's own writer, if that stands between two frames.
    /// If it does not, it is writing, and the clock on stalled writes tells more than a ping would.
    pub fn ping(&self) {
        let between_frames = lock(&self.between_frames);
        if self.is_websocket()
            && *between_frames
            && let Some(stream) = self.stream.upgrade()
            && let Ok(1) = stream.try_write(&WEBSOCKET_PING)
        {
            // Half a ping would garble the frame after it.
            drop(between_frames);
            self.cut();
        }
    }

    pub(super) fn heard_now(&self) {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(elapsed, Ordering::Relaxed);
    }

    pub(super) fn cut_because(&self, cause: &'static str) {
        let _ = self.cause.set(cause);
        self.cut();
    }

    /// Whether the client may send this, too.
    pub(super) fn may_send(&self, frames: u64, bytes: usize) -> bool {
        let allowance = lock(&self.allowance);
        allowance
            .as_ref()
            .is_none_or(|allowance| allowance.take(frames, bytes))
    }

    pub(super) fn phase(&self) -> Phase {
        PHASES[usize::from(self.phase.load(Ordering::Relaxed))]
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Runs a write; no ping can come in between. `flushed` says whether nothing is left
    /// afterwards.
    pub(super) fn writing<T>(
        &self,
        flushed: bool,
        write: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let mut between_frames = lock(&self.between_frames);
        let result = write();
        *between_frames = flushed && result.is_ok();
        result
    }
}

/// Locks; a holder that panicked leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
