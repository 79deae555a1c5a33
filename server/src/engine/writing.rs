//! Writing to a session's WebSocket: at once where nothing waits, else when its task is woken.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use super::frames::{self, Control};
use super::machine::{End, How};
use super::session::Shared;

/// The status of an orderly end (RFC 6455, section 7.4.1).
const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();
/// Bytes that a worker's buffer for writing may keep.
const SCRATCH: usize = 64 * 1024;

thread_local! {
    /// Where a worker puts a frame together: connections on which nothing waits have no buffer.
    static FRAME: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Shared {
    /// Writes a control frame, unless writes wait.
    pub(super) fn control(&mut self, kind: Control, payload: &[u8]) {
        if self.machine.writes_through() {
            self.write_through(|frame| frames::write_control(kind, payload, frame));
        }
    }

    /// Writes a frame to the WebSocket; what it does not take now waits for the driver.
    pub(super) fn write_through(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        FRAME.with_borrow_mut(|frame| {
            frame.clear();
            write(frame);
            // An error is seen by the driver, which reads.
            let socket = self.socket.as_ref();
            let written = socket
                .and_then(|socket| socket.try_write(frame).ok())
                .unwrap_or(0);
            if written < frame.len() {
                self.machine.outbox().extend_from_slice(&frame[written..]);
                self.wake();
            }
            frame.shrink_to(SCRATCH);
        });
    }

    /// Writes some of what waits: how much, or none if nothing does.
    pub(super) fn write_waiting(&mut self) -> io::Result<Option<usize>> {
        let Self {
            machine, socket, ..
        } = self;
        let outbox = machine.outbox();
        let Some(socket) = socket.as_ref().filter(|_| !outbox.is_empty()) else {
            return Ok(None);
        };
        let written = socket.try_write(outbox)?;
        if written == outbox.len() {
            // An idle connection keeps no buffer.
            *outbox = Vec::new();
        } else {
            outbox.drain(..written);
        }
        Ok(Some(written))
    }

    /// Ends the connection: what was written still arrives, unless the client is cut.
    pub(super) fn hang_up(&mut self, end: End) {
        match end.how {
            How::Gone => frames::write_control(Control::Close, &NORMAL, self.machine.outbox()),
            How::Cut => {
                // Without lingering, closing resets the connection: a client that does not read
                // cannot hold it.
                let socket = self
                    .socket
                    .as_ref()
                    .map(|socket| socket2::SockRef::from(socket.as_ref()));
                let _ = socket.map(|socket| socket.set_linger(Some(Duration::ZERO)));
            }
            How::Moved | How::Left => {}
        }
        // What the kernel does not take now is delivered again on the next connection.
        while let Ok(Some(_)) = self.write_waiting() {}
        self.socket = None;
    }
}
