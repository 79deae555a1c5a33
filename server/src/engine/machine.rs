//! A session as a state machine, without a socket or a clock in it: packets and moments go in,
//! packets, frames and deadlines come out. Whoever drives it tells it what has happened, then looks
//! at `answer`, `outbox`, `deadline` and `ended`.

use std::sync::Arc;

use tokio::time::Instant;

use super::frames;
use super::payload;
use super::protocol::{self, Config, Packet, Protocol, RequestError, Transport};

mod end;
mod upgrade;

pub(super) use end::End;
pub use end::{Answer, How};
pub use upgrade::ProbeId;
pub(super) use upgrade::Probed;

use upgrade::Probe;

/// Packets, and bytes of them, that may wait for a transport: more than delivery has in flight.
const MOST_PACKETS: usize = 128;
const MOST_BYTES: usize = 512 * 1024;

/// A packet that the session's state does not allow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unexpected;

#[derive(Debug)]
enum Carrier {
    Polling {
        /// A poll waits for packets.
        waits: bool,
        probe: Option<Probe>,
    },
    WebSocket,
}

#[derive(Debug)]
enum Heart {
    /// The server pings then.
    Ping(Instant),
    /// The client's answer is due.
    Pong(Instant),
    /// The client's next ping is due (protocol 3).
    Client(Instant),
}

#[derive(Debug)]
enum Life {
    Open,
    /// It ends once an upgrade is settled. A client whose session ends in the middle of one has no
    /// WebSocket and never polls again (engine.io-client 6 stays paused): only its heartbeat,
    /// minutes later, would tell it.
    Ending(End),
    Ended(End),
}

/// One Engine.IO session, without a socket or a clock in it.
#[derive(Debug)]
pub struct Machine {
    protocol: Protocol,
    config: Arc<Config>,
    carrier: Carrier,
    heart: Heart,
    life: Life,
    /// What waits for a poll: a payload, and the number of its packets.
    payload: String,
    packets: usize,
    /// WebSockets that were tried.
    probes: u32,
    /// Frames that the WebSocket has not taken yet.
    outbox: Vec<u8>,
}

impl Machine {
    /// A session that has just been opened.
    #[must_use]
    pub fn new(
        protocol: Protocol,
        config: Arc<Config>,
        transport: Transport,
        now: Instant,
    ) -> Self {
        let heart = match protocol {
            Protocol::V3 => Heart::Client(now + config.ping_interval + config.ping_timeout),
            Protocol::V4 => Heart::Ping(now + config.ping_interval),
        };
        let carrier = match transport {
            Transport::Polling => Carrier::Polling {
                waits: false,
                probe: None,
            },
            Transport::WebSocket => Carrier::WebSocket,
        };
        Self {
            protocol,
            config,
            carrier,
            heart,
            life: Life::Open,
            payload: String::new(),
            packets: 0,
            probes: 0,
            outbox: Vec::new(),
        }
    }

    /// What carries the session.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self.carrier {
            Carrier::Polling { .. } => Transport::Polling,
            Carrier::WebSocket => Transport::WebSocket,
        }
    }

    /// How the session has ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        match self.life {
            Life::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// When `expire` is to be called at the latest.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let (Heart::Ping(heart) | Heart::Pong(heart) | Heart::Client(heart)) = self.heart;
        match &self.carrier {
            Carrier::Polling {
                probe: Some(probe), ..
            } => heart.min(probe.until),
            _ => heart,
        }
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Instant) {
        if let Carrier::Polling {
            probe: Some(probe), ..
        } = &self.carrier
            && probe.until <= now
        {
            self.probe_failed(probe.id);
        }
        match self.heart {
            Heart::Ping(at) if at <= now => {
                self.heart = Heart::Pong(now + self.config.ping_timeout);
                self.put(protocol::PING, &[]);
            }
            Heart::Pong(by) | Heart::Client(by) if by <= now => {
                self.end(How::Left, "heartbeat_timeout");
            }
            _ => {}
        }
    }

    /// Whether a frame may be written at once, past the outbox.
    pub(super) fn writes_through(&self) -> bool {
        self.transport() == Transport::WebSocket && self.ended().is_none() && self.outbox.is_empty()
    }

    /// Frames for the WebSocket; whoever writes them takes them out.
    pub(super) fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    /// Puts a message in whose text is `parts`. False if it is not taken: too much waits already,
    /// or the session has ended.
    pub fn send(&mut self, parts: &[&str]) -> bool {
        let bytes = self.payload.len() + self.outbox.len();
        let is_full = bytes >= MOST_BYTES || self.packets >= MOST_PACKETS;
        if is_full || self.ended().is_some() {
            return false;
        }
        self.put(protocol::MESSAGE, parts);
        true
    }

    fn put(&mut self, front: &str, parts: &[&str]) {
        match self.carrier {
            Carrier::WebSocket => frames::write(front, parts, &mut self.outbox),
            Carrier::Polling { .. } => {
                payload::push(self.protocol, &mut self.payload, front, parts);
                self.packets += 1;
            }
        }
    }

    /// A poll has come. It is answered as soon as `answer` has something.
    ///
    /// # Errors
    /// The session is none that can be polled. Two polls at once end it.
    pub fn poll(&mut self) -> Result<(), RequestError> {
        if self.ended().is_some() {
            return Err(RequestError::UnknownSession);
        }
        match &mut self.carrier {
            Carrier::WebSocket => Err(RequestError::BadRequest),
            Carrier::Polling { waits: true, .. } => {
                self.end(How::Left, "two_polls_at_once");
                Err(RequestError::BadRequest)
            }
            Carrier::Polling { waits, .. } => {
                *waits = true;
                Ok(())
            }
        }
    }

    /// The poll that waited is gone: its client has hung up.
    pub fn poll_gone(&mut self) {
        if let Carrier::Polling { waits, .. } = &mut self.carrier {
            *waits = false;
        }
    }

    /// Takes back an answer that no poll has got.
    pub(super) fn put_back(&mut self, answer: Answer) {
        let Answer::Payload(payload) = answer else {
            return;
        };
        let after = std::mem::take(&mut self.payload);
        let after = if self.packets > 0 { &*after } else { "" };
        self.packets = 0;
        for payload in [&*payload, after]
            .into_iter()
            .filter(|payload| !payload.is_empty())
        {
            for packet in payload::packets(self.protocol, payload).flatten() {
                self.put("", &[packet]);
            }
        }
    }

    /// The answer to the poll that waits, if there is one for it now.
    pub fn answer(&mut self) -> Option<Answer> {
        let Carrier::Polling { waits, probe } = &mut self.carrier else {
            return None;
        };
        let released = probe.as_ref().is_some_and(|probe| probe.confirmed);
        if !*waits {
            return None;
        }
        let how = self.ended().map(|end| end.how);
        match how {
            Some(How::Moved | How::Cut) => return self.release(Answer::Unavailable),
            Some(How::Gone) => self.put(protocol::CLOSE, &[]),
            Some(How::Left) => self.payload.clear(),
            None => {}
        }
        if self.payload.is_empty() {
            if how.is_none() && !released {
                return None;
            }
            self.put(protocol::NOOP, &[]);
        }
        self.packets = 0;
        let payload = std::mem::take(&mut self.payload);
        self.release(Answer::Payload(payload))
    }

    fn release(&mut self, answer: Answer) -> Option<Answer> {
        self.poll_gone();
        Some(answer)
    }

    /// A packet of the transport that carries the session.
    ///
    /// # Errors
    /// The packet is out of place; the session is to be closed.
    pub(super) fn packet(&mut self, packet: Packet<'_>, now: Instant) -> Result<(), Unexpected> {
        match (packet, self.protocol) {
            // They are for the layer above.
            (Packet::Message(_), _) => {}
            (Packet::Pong, Protocol::V4) => {
                self.heart = Heart::Ping(now + self.config.ping_interval);
            }
            (Packet::Ping(_), Protocol::V3) => {
                let most = self.config.ping_interval + self.config.ping_timeout;
                self.heart = Heart::Client(now + most);
                // One answer waits at most: a client that asks without reading gets no more.
                let last = payload::packets(self.protocol, &self.payload).last();
                if self.outbox.is_empty() && last.flatten() != Some(protocol::PONG) {
                    self.put(protocol::PONG, &[]);
                }
            }
            (Packet::Close, _) => self.end(How::Left, "client_left"),
            (Packet::Noop, _) => {}
            (Packet::Ping(_) | Packet::Pong | Packet::Upgrade, _) => return Err(Unexpected),
        }
        Ok(())
    }

    /// Ends the session, at the latest once an upgrade that is under way is settled.
    pub fn close(&mut self, end: End) {
        let is_probing = matches!(&self.carrier, Carrier::Polling { probe: Some(_), .. });
        match self.life {
            Life::Open if is_probing => self.life = Life::Ending(end),
            Life::Open => self.life = Life::Ended(end),
            Life::Ending(_) | Life::Ended(_) => {}
        }
    }

    /// Ends the session at once.
    pub(super) fn end(&mut self, how: How, cause: &'static str) {
        match self.life {
            Life::Open => self.life = Life::Ended(End { how, cause }),
            // Why it was to end tells more than how it did.
            Life::Ending(end) => self.life = Life::Ended(End { how, ..end }),
            Life::Ended(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
