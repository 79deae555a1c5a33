//! A session that is carried by polling: its polls, its posts, and the task that keeps its
//! deadlines, between polls too.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::machine::Answer;
use super::payload;
use super::protocol::{Packet, RequestError, Transport};
use super::session::Session;

/// Runs until the session has ended, or a WebSocket carries it.
pub(super) async fn drive(session: Arc<Session>) {
    let timer = sleep_until(session.lock().machine.deadline());
    let mut timer = std::pin::pin!(timer);
    let ended = std::future::poll_fn(|cx| {
        let mut shared = session.lock();
        loop {
            if shared.machine.transport() == Transport::WebSocket {
                return Poll::Ready(None);
            }
            if let Some(end) = shared.machine.ended() {
                return Poll::Ready(Some(end));
            }
            shared.attend(cx);
            let deadline = shared.machine.deadline();
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            shared.machine.expire(Instant::now());
            shared.answer_poll();
            timer.as_mut().reset(shared.machine.deadline());
        }
    });
    if let Some(end) = ended.await {
        session.over(end);
    }
}

impl Session {
    /// Asks for packets.
    ///
    /// # Errors
    /// The session cannot be polled now.
    pub fn poll(self: &Arc<Self>) -> Result<Polled, RequestError> {
        let mut shared = self.lock();
        if let Err(error) = shared.machine.poll() {
            shared.changed();
            return Err(error);
        }
        if let Some(answer) = shared.machine.answer() {
            return Ok(Polled::Now(answer));
        }
        let (sender, answer) = oneshot::channel();
        shared.poll = Some(sender);
        let session = self.clone();
        Ok(Polled::Later(Waiting { session, answer }))
    }

    /// Takes the packets of a polling body.
    ///
    /// # Errors
    /// The session has ended or is no longer carried by polling, or the body is malformed, which
    /// ends it.
    pub fn post(&self, body: &[u8]) -> Result<(), RequestError> {
        {
            let shared = self.lock();
            match (shared.machine.ended(), shared.machine.transport()) {
                (Some(_), _) => return Err(RequestError::UnknownSession),
                (None, Transport::WebSocket) => return Err(RequestError::BadRequest),
                (None, Transport::Polling) => {}
            }
        }
        for packet in payload::read(self.protocol, body) {
            let packet = packet.and_then(Packet::read);
            if packet.is_none_or(|packet| self.received(packet).is_err()) {
                self.refuse("malformed_packet");
                return Err(RequestError::BadRequest);
            }
            if self.lock().machine.ended().is_some() {
                break;
            }
        }
        Ok(())
    }
}

/// What a poll is answered.
pub enum Polled {
    /// There are packets.
    Now(Answer),
    /// There are none yet.
    Later(Waiting),
}

/// A poll that waits for its answer; none if the session is unknown by then. Its client may hang up
/// at any moment: dropped, it takes no packet with it.
pub struct Waiting {
    session: Arc<Session>,
    answer: oneshot::Receiver<Answer>,
}

impl Future for Waiting {
    type Output = Option<Answer>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(Result::ok)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut shared = self.session.lock();
        self.answer.close();
        if let Ok(answer) = self.answer.try_recv() {
            // It came too late for this poll. The session may have moved to a WebSocket since.
            shared.machine.put_back(answer);
            shared.changed();
        } else if shared.poll.take_if(|poll| poll.is_closed()).is_some() {
            shared.machine.poll_gone();
        }
    }
}
