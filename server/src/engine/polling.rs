//! The task of a session that is carried by polling: it keeps the deadlines, between polls too.

use std::sync::Arc;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};

use super::protocol::Transport;
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
