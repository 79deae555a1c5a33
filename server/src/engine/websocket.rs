//! The task of a WebSocket: reads what its client says, writes what waits, and keeps its session's
//! deadlines. While writes wait it reads nothing, so that no client can have answers pile up.

use std::cell::RefCell;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::frames::{Broken, Reader};
use super::hearing::{Probe, take, try_out};
use super::machine::{How, ProbeId};
use super::protocol::UPGRADE_TIMEOUT;
use super::session::Session;
use crate::connection::{Open, Stall};

/// Bytes that a worker reads at once.
const READ: usize = 16 * 1024;
/// How long a message may take from its first byte to its last.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);

thread_local! {
    /// What a worker reads into: connections that are idle have no buffer.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

/// The task of one WebSocket.
pub(super) struct Driver {
    session: Arc<Session>,
    stream: OwnedReadHalf,
    /// While the WebSocket is tried: the try, and the end that is written to.
    probe: Option<Probe>,
    reader: Reader,
    /// Since when a message is half way.
    half_way: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    /// The clock on writes; runs while any wait.
    stall: Option<Box<Stall>>,
    open: Open,
}

impl Driver {
    /// The task of a session that is carried by this WebSocket, or tries it.
    pub(super) fn new(
        session: Arc<Session>,
        stream: OwnedReadHalf,
        probe: Option<(ProbeId, OwnedWriteHalf)>,
        most: usize,
        open: Open,
    ) -> Self {
        let until = match &probe {
            Some(_) => Instant::now() + UPGRADE_TIMEOUT,
            None => session.lock().machine.deadline(),
        };
        Self {
            session,
            stream,
            probe: probe.map(|(id, socket)| (id, Some(socket))),
            reader: Reader::new(most),
            half_way: None,
            timer: Box::pin(sleep_until(until)),
            stall: None,
            open,
        }
    }

    /// Runs until the session has ended, or the try has failed. `early` is what the client sent
    /// before it knew that it might.
    pub(super) async fn run(mut self, mut early: Vec<u8>) {
        let goes_on = self.hear(&mut early).is_continue();
        drop(early);
        if goes_on {
            std::future::poll_fn(|cx| self.poll(cx)).await;
        }
        match self.probe {
            Some((id, _)) => self.session.probe_failed(id),
            None => self.finish(),
        }
    }

    /// Ready once there is nothing left to do.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(look) = self.look(cx) else {
                return Poll::Ready(());
            };
            if self.poll_time(look.deadline, cx).is_ready() {
                if self.probe.is_some() {
                    return Poll::Ready(());
                }
                continue;
            }
            if look.waits {
                ready!(self.poll_flush(cx));
                continue;
            }
            let goes_on = ready!(self.poll_read(cx));
            if goes_on.is_break() && self.probe.is_some() {
                return Poll::Ready(());
            }
        }
    }

    /// What the session is at; none once it has ended.
    fn look(&self, cx: &Context<'_>) -> Option<Look> {
        if self.probe.is_some() {
            return Some(Look {
                deadline: self.timer.deadline(),
                waits: false,
            });
        }
        let mut shared = self.session.lock();
        if shared.machine.ended().is_some() {
            return None;
        }
        shared.attend(cx);
        let half_way = self.half_way.map(|since| since + MESSAGE_TIMEOUT);
        let heart = shared.machine.deadline();
        Some(Look {
            deadline: half_way.map_or(heart, |message| message.min(heart)),
            waits: !shared.machine.outbox().is_empty(),
        })
    }

    /// Ready once something was due, which is done then.
    fn poll_time(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
        ready!(self.timer.as_mut().poll(cx));
        if self.probe.is_some() {
            return Poll::Ready(());
        }
        let now = Instant::now();
        if self
            .half_way
            .is_some_and(|since| since + MESSAGE_TIMEOUT <= now)
        {
            self.session.refuse("slow_message");
        }
        let next = {
            let mut shared = self.session.lock();
            shared.machine.expire(now);
            shared.machine.deadline()
        };
        self.timer.as_mut().reset(next);
        Poll::Ready(())
    }

    /// Ready once nothing waits to be written, or the session has ended over it.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.session.lock().write_waiting() {
                Ok(Some(written)) => {
                    if let Some(stall) = &mut self.stall {
                        stall.took(written);
                    }
                    continue;
                }
                Ok(None) => {
                    self.stall = None;
                    return Poll::Ready(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.stall = None;
                    break;
                }
            }
            match self.stream.as_ref().poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => break,
                Poll::Pending => return self.poll_stall(cx),
            }
        }
        self.session.end(How::Left, "connection_lost");
        Poll::Ready(())
    }

    /// Ready once the client has read too little for too long: the session has ended then.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stall = self.stall.get_or_insert_with(|| Box::new(Stall::begin()));
        let cause = ready!(stall.poll_over(cx));
        self.open.metrics().slow_readers.inc();
        self.session.end(How::Cut, cause);
        Poll::Ready(())
    }

    /// Ready once something was read. A break is the end of the session, or of the try.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        BUFFER.with_borrow_mut(|buffer| {
            let mut read = ReadBuf::new(buffer);
            let done = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read));
            if done.is_err() || read.filled().is_empty() {
                if self.probe.is_none() {
                    self.session.end(How::Left, "connection_lost");
                }
                return Poll::Ready(ControlFlow::Break(()));
            }
            Poll::Ready(self.hear(read.filled_mut()))
        })
    }

    /// Takes what was read. A break is the end of the session, or of the try.
    fn hear(&mut self, bytes: &mut [u8]) -> ControlFlow<()> {
        if bytes.is_empty() {
            return ControlFlow::Continue(());
        }
        let length = bytes.len();
        let Self {
            session,
            probe,
            reader,
            ..
        } = self;
        session.heard_now();
        let mut flow = ControlFlow::Continue(());
        let read = reader.read(bytes, &mut |said| {
            flow = match probe {
                Some(_) => try_out(session, probe, &said),
                None => take(session, &said),
            };
            flow
        });
        let is_half_way = reader.is_half_way();
        self.half_way = is_half_way.then(|| self.half_way.unwrap_or_else(Instant::now));
        let cause = match read {
            // A read costs as much as a frame, however little it brings.
            Ok(frames) if self.session.allowance.take(frames.max(1), length) => return flow,
            Ok(_) => "noisy_client",
            Err(Broken::TooLarge) => "message_too_large",
            Err(Broken::Malformed) => "malformed_packet",
        };
        if self.probe.is_none() {
            self.session.refuse(cause);
        }
        ControlFlow::Break(())
    }

    /// The session has ended: says so to the client, as it ends, and to the layer above.
    fn finish(&mut self) {
        let end = {
            let mut shared = self.session.lock();
            let Some(end) = shared.machine.ended() else {
                return;
            };
            shared.hang_up(end);
            end
        };
        self.session.over(end);
    }
}

/// What a driver sees of its session.
struct Look {
    deadline: Instant,
    /// Whether writes wait.
    waits: bool,
}

#[cfg(test)]
mod tests;
