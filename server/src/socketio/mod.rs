//! Socket.IO on top of the Engine.IO service: handshakes, namespaces, packets and the sessions of this node.
//!
//! The engine carries sessions over polling and WebSocket. The layer above it is ours, because delivery needs
//! what the general one does not offer: acknowledgements that name the message, one encoding for all sockets,
//! and an end of a session that lets the client come back.

mod gate;
mod handler;
mod join;
mod outlet;
mod packet;
mod pressure;
mod registry;
mod session;

use std::sync::Arc;

use engineioxide::TransportType;
use engineioxide::config::{EngineIoConfig, EngineIoConfigBuilder};
use engineioxide::service::EngineIoService;

pub use gate::Gate;
pub use handler::Handler;
pub use registry::Sessions;
pub use session::Session;

use crate::settings::Settings;

/// Bytes of one polling answer. With the bound on what clients send (`MAX_PAYLOAD`) instead, the engine would set
/// packets aside, which it forgets when the session moves to a WebSocket; a full window is far below this.
const MOST_POLLING_ANSWER: u64 = 4 << 20;

/// The Engine.IO service of this node.
#[must_use]
pub fn engine(settings: &Settings, handler: Arc<Handler>) -> EngineIoService<Handler> {
    let config = EngineIoConfig::builder()
        .req_path(settings.socket_path.clone())
        .ping_interval(settings.ping_interval)
        .ping_timeout(settings.ping_timeout)
        .max_payload(MOST_POLLING_ANSWER)
        .ws_max_message_size(settings.max_payload)
        .ws_max_frame_size(settings.max_payload)
        // Clients send little; the default of 4 KiB is kept for each connection.
        .ws_read_buffer_size(1024);
    EngineIoService::with_config(handler, transports(settings, config))
}

fn transports(settings: &Settings, config: EngineIoConfigBuilder) -> EngineIoConfig {
    match (settings.transports.polling, settings.transports.websocket) {
        (true, false) => config.transports([TransportType::Polling]),
        (false, true) => config.transports([TransportType::Websocket]),
        _ => config,
    }
    .build()
}
