//! From polling to a WebSocket: the try, what settles it, and what moves.

use tokio::time::Instant;

use super::super::payload;
use super::super::protocol::{self, Packet, RequestError, UPGRADE_TIMEOUT};
use super::{Carrier, Life, Machine, Unexpected};

/// Tells the tries of WebSockets apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeId(u32);

/// A WebSocket that is tried.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) id: ProbeId,
    pub(super) until: Instant,
    /// The client knows that it works, and lets its poll end now.
    pub(super) confirmed: bool,
}

/// What a try of a WebSocket has come to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) enum Probed {
    /// It works; this is to be sent on it.
    Works(&'static str),
    /// It carries the session from now on.
    Upgraded,
}

impl Machine {
    /// A WebSocket has come that may carry the session.
    ///
    /// # Errors
    /// The session has ended, is carried by one already, or tries another.
    pub fn probe(&mut self, now: Instant) -> Result<ProbeId, RequestError> {
        match (&mut self.carrier, &self.life) {
            (_, Life::Ended(_)) => Err(RequestError::UnknownSession),
            (Carrier::Polling { probe, .. }, Life::Open) if probe.is_none() => {
                self.probes = self.probes.wrapping_add(1);
                let id = ProbeId(self.probes);
                *probe = Some(Probe {
                    id,
                    until: now + UPGRADE_TIMEOUT,
                    confirmed: false,
                });
                Ok(id)
            }
            _ => Err(RequestError::BadRequest),
        }
    }

    /// A packet on the WebSocket that is tried.
    ///
    /// # Errors
    /// The packet is out of place, or the time for trying is over: the WebSocket is to be closed.
    pub(in crate::engine) fn probed(
        &mut self,
        id: ProbeId,
        packet: Packet<'_>,
    ) -> Result<Probed, Unexpected> {
        let is_over = self.ended().is_some();
        let probe = match &mut self.carrier {
            Carrier::Polling { probe, .. } => probe.as_mut().filter(|probe| probe.id == id),
            Carrier::WebSocket => None,
        };
        let probe = probe.filter(|_| !is_over).ok_or(Unexpected)?;
        let probed = match packet {
            Packet::Ping(protocol::PROBE) => Probed::Works(protocol::PROBED),
            Packet::Upgrade => Probed::Upgraded,
            _ => return Err(Unexpected),
        };
        // Either way a poll that waits is to end.
        probe.confirmed = true;
        Ok(probed)
    }

    /// Moves the session to the WebSocket that was tried: what waited for a poll goes over it.
    /// To be called once a poll that waits was answered.
    pub(in crate::engine) fn upgrade(&mut self) {
        self.carrier = Carrier::WebSocket;
        let payload = std::mem::take(&mut self.payload);
        if self.packets > 0 {
            for packet in payload::packets(self.protocol, &payload).flatten() {
                self.put("", &[packet]);
            }
        }
        self.packets = 0;
        self.settle();
    }

    /// The WebSocket that was tried is of no use.
    pub fn probe_failed(&mut self, id: ProbeId) {
        if let Carrier::Polling { probe, .. } = &mut self.carrier
            && probe.take_if(|probe| probe.id == id).is_some()
        {
            self.settle();
        }
    }

    fn settle(&mut self) {
        if let Life::Ending(end) = self.life {
            self.life = Life::Ended(end);
        }
    }
}
