//! A session with its transport: whoever sends writes to the WebSocket at once where nothing waits,
//! or answers the poll that waits; one task drives it and is woken for everything else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use socketioxide_core::Sid;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::allowance::Allowance;
use super::frames::{self, Control};
use super::machine::{Answer, End, How, Machine, ProbeId, Probed, Unexpected};
use super::protocol::{self, Config, Packet, Protocol, RequestError, Transport};

/// The layer above a session.
pub trait Upper: Send + Sync {
    /// A message has arrived.
    fn received(self: Arc<Self>, text: &str);
    /// A binary message has arrived.
    fn received_binary(self: Arc<Self>);
    /// The client was refused something; counted by reason.
    fn refused(&self, reason: &'static str);
    /// Another transport carries the session from now on.
    fn upgraded(&self);
    /// The session has ended; called once.
    fn ended(&self, cause: &'static str);
}

/// One Engine.IO session.
pub struct Session {
    /// The session's id, a secret of the client.
    pub id: Sid,
    /// The version that its client speaks.
    pub protocol: Protocol,
    /// What the client may still send.
    pub allowance: Allowance,
    opened: Instant,
    /// Milliseconds from `opened` to when the client was heard of last.
    heard: AtomicU64,
    upper: OnceLock<Weak<dyn Upper>>,
    shared: Mutex<Shared>,
}

pub(super) struct Shared {
    pub(super) machine: Machine,
    /// The WebSocket's end that is written to.
    pub(super) socket: Option<OwnedWriteHalf>,
    /// The poll that waits.
    pub(super) poll: Option<oneshot::Sender<Answer>>,
    /// Wakes the task that drives the session.
    driver: Option<Waker>,
}

impl Session {
    pub(super) fn new(
        protocol: Protocol,
        transport: Transport,
        config: Arc<Config>,
        socket: Option<OwnedWriteHalf>,
    ) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            id: Sid::new(),
            protocol,
            allowance: Allowance::new(config.max_payload),
            opened: now,
            heard: AtomicU64::new(0),
            upper: OnceLock::new(),
            shared: Mutex::new(Shared {
                machine: Machine::new(protocol, config, transport, now),
                socket,
                poll: None,
                driver: None,
            }),
        })
    }

    /// Sets the layer above, once.
    pub(super) fn set_upper(&self, upper: Weak<dyn Upper>) {
        let _ = self.upper.set(upper);
    }

    /// The transport that carries the session.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.lock().machine.transport()
    }

    /// When the client was heard of last.
    #[must_use]
    pub fn last_heard(&self) -> Instant {
        self.opened + Duration::from_millis(self.heard.load(Ordering::Relaxed))
    }

    /// Notes that the client was heard of.
    pub fn heard_now(&self) {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(elapsed, Ordering::Relaxed);
    }

    /// Sends a message whose text is `parts`, one after the other. False if it is not taken: too
    /// much waits already, or the session has ended.
    pub fn send(&self, parts: &[&str]) -> bool {
        let mut shared = self.lock();
        if shared.machine.writes_through() {
            shared.write_through(|frame| frames::write(protocol::MESSAGE, parts, frame));
            return true;
        }
        let sent = shared.machine.send(parts);
        shared.answer_poll();
        sent
    }

    /// Tells the client of a WebSocket that it has a session.
    pub(super) fn open(&self, packet: &str) {
        self.lock()
            .write_through(|frame| frames::write(packet, &[], frame));
    }

    /// Asks a silent client for a sign of life by a WebSocket ping, which every client answers.
    /// Where writes wait, the clock on them tells more.
    pub fn ping(&self) {
        self.lock().control(Control::Ping, &[]);
    }

    /// Ends the session, once an upgrade that is under way is settled.
    pub fn close(&self, how: How, cause: &'static str) {
        let mut shared = self.lock();
        shared.machine.close(End { how, cause });
        shared.changed();
    }

    /// Ends the session of a client that breaks the protocol, or sends more than it may.
    pub fn refuse(&self, cause: &'static str) {
        if let Some(upper) = self.upper() {
            upper.refused(cause);
        }
        self.end(How::Moved, cause);
    }

    /// Ends the session at once.
    pub(super) fn end(&self, how: How, cause: &'static str) {
        let mut shared = self.lock();
        shared.machine.end(how, cause);
        shared.changed();
    }

    /// Takes a packet of the transport that carries the session.
    pub(super) fn received(&self, packet: Packet<'_>) -> Result<(), Unexpected> {
        if let Packet::Message(text) = packet {
            if let Some(upper) = self.upper() {
                upper.received(text);
            }
            return Ok(());
        }
        let mut shared = self.lock();
        let taken = shared.machine.packet(packet, Instant::now());
        shared.changed();
        taken
    }

    /// Begins to try a WebSocket.
    pub fn probe(&self) -> Result<ProbeId, RequestError> {
        self.lock().machine.probe(Instant::now())
    }

    /// Takes a packet of a WebSocket that is tried; `socket` is the session's once it carries it.
    pub(super) fn probed(
        &self,
        id: ProbeId,
        packet: Packet<'_>,
        socket: &mut Option<OwnedWriteHalf>,
    ) -> Result<(), Unexpected> {
        let mut shared = self.lock();
        match shared.machine.probed(id, packet)? {
            Probed::Works(answer) => {
                shared.answer_poll();
                let mut frame = Vec::new();
                frames::write(answer, &[], &mut frame);
                let socket = socket.as_ref().ok_or(Unexpected)?;
                // Nothing was written before: the kernel takes so little.
                let written = socket.try_write(&frame);
                written
                    .ok()
                    .filter(|n| *n == frame.len())
                    .ok_or(Unexpected)?;
            }
            Probed::Upgraded => {
                shared.answer_poll();
                shared.machine.upgrade();
                shared.socket = socket.take();
                // The task that drives it over polling has nothing left to do.
                shared.wake();
                // The layer above may ask the session something.
                drop(shared);
                if let Some(upper) = self.upper() {
                    upper.upgraded();
                }
            }
        }
        Ok(())
    }

    /// The WebSocket that was tried is of no use.
    pub fn probe_failed(&self, id: ProbeId) {
        let mut shared = self.lock();
        shared.machine.probe_failed(id);
        shared.changed();
    }

    pub(super) fn upper(&self) -> Option<Arc<dyn Upper>> {
        self.upper.get().and_then(Weak::upgrade)
    }

    /// Tells the layer above that the session has ended; called by the task that drives it.
    pub(super) fn over(&self, end: End) {
        if let Some(upper) = self.upper() {
            upper.ended(end.cause);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Has `context`'s task woken when there is something to do.
    pub(super) fn attend(&mut self, context: &Context<'_>) {
        match &mut self.driver {
            Some(waker) => waker.clone_from(context.waker()),
            None => self.driver = Some(context.waker().clone()),
        }
    }

    /// Wakes the task that drives the session.
    pub(super) fn wake(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// The machine was told something: what comes of it goes out.
    pub(super) fn changed(&mut self) {
        self.answer_poll();
        self.wake();
    }

    /// Answers the poll that waits, if there is something for it.
    pub(super) fn answer_poll(&mut self) {
        if let Some(answer) = self.machine.answer()
            && let Some(poll) = self.poll.take()
            && let Err(answer) = poll.send(answer)
        {
            self.machine.put_back(answer);
        }
    }
}
