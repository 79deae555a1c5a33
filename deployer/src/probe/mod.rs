//! `deployer probe`: a real Socket.IO session through whatever stands in front of a server, one
//! step at a time.
//!
//! Each step says what it saw, how long that took, what it means and what to change. It works on
//! any server of Socket.IO 3 or 4; it assumes nothing of Holdfast's but what the caller gives.

mod advice;
mod cross_origin;
mod exchange;
mod idle;
mod report;
mod steps;

use std::time::Duration;

pub use report::{Outcome, Report, Step};

use http::{HeaderValue, header};
use socketio_client::{Handshake, Polling, Settings, Trust};
use steps::Probe;

/// What to probe and how patiently.
#[derive(Debug, Clone)]
pub struct Options {
    /// Server, path, namespace and key.
    pub settings: Settings,
    /// Whose certificates are trusted.
    pub trust: Trust,
    /// The origin of a page, which is then probed as its browser would.
    pub origin: Option<HeaderValue>,
    /// How long to stay quiet on open connections; none: the server's ping interval and five
    /// seconds.
    pub quiet_for: Option<Duration>,
    /// How long each answer may take.
    pub timeout: Duration,
}

impl Options {
    /// A session that is not open yet.
    fn polling(&self) -> Polling {
        let mut polling = self.settings.polling();
        polling.trust = self.trust.clone();
        if let Some(origin) = &self.origin {
            polling.headers.insert(header::ORIGIN, origin.clone());
        }
        polling
    }
}

/// Past the ping interval by this much, the first heartbeat must have come.
const PAST_THE_PING: Duration = Duration::from_secs(5);

/// Probes, telling of each step as it ends and, before the long wait, how long it will take.
pub async fn run(
    options: &Options,
    on_step: impl FnMut(&Step),
    on_wait: impl FnOnce(Duration),
) -> Report {
    let mut probe = Probe::new(options, on_step);
    let mut session = probe.polling_session().await;
    let upgraded = match &mut session {
        Some((polling, handshake, _)) => probe.upgrade(polling, handshake).await,
        None => None,
    };
    // Without an upgraded session, a WebSocket of its own has to stay quiet.
    let offered = session
        .as_ref()
        .is_none_or(|(_, handshake, _)| offers_websocket(handshake));
    let alone = probe.websocket_only(upgraded.is_none(), offered).await;
    let handshake = session
        .as_ref()
        .map(|(_, handshake, _)| handshake)
        .or(alone.as_ref().map(|(_, h)| h))
        .cloned();
    let socket = upgraded.or(alone.map(|(socket, _)| socket));
    if let Some(handshake) = handshake {
        let pinged = session.as_ref().is_some_and(|(_, _, pinged)| *pinged);
        let quiet_for = options
            .quiet_for
            .unwrap_or(handshake.ping_interval + PAST_THE_PING);
        on_wait(quiet_for);
        probe
            .quiet(socket, session.is_some(), &handshake, pinged, quiet_for)
            .await;
    } else {
        probe.no_session();
    }
    probe.report()
}

/// An upgrade is offered, and how the server says so.
fn offers_websocket(handshake: &Handshake) -> bool {
    handshake.upgrades.iter().any(|name| name == "websocket")
}
