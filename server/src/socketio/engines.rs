//! The Engine.IO services of a node: one for the sessions that begin with polling, one for those
//! that begin with a WebSocket. The engine announces its bound on polling answers to both kinds; a
//! WebSocket has none.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response};
use engineioxide::TransportType;
use engineioxide::config::EngineIoConfig;
use engineioxide::service::EngineIoService;
use tower::ServiceExt;

use super::handler::Handler;
use super::session::UPGRADE_TIMEOUT;
use crate::settings::Settings;

/// Bytes of one polling answer. With the bound on what clients send (`MAX_PAYLOAD`) instead, the
/// engine would set packets aside, which it forgets when the session moves to a WebSocket; a full
/// window is far below this.
const MOST_POLLING_ANSWER: u64 = 4 << 20;

/// See the module.
#[derive(Clone)]
pub(super) struct Engines {
    polling: EngineIoService<Handler>,
    websocket: EngineIoService<Handler>,
}

impl Engines {
    /// The services of the node whose sessions `handler` has.
    pub(super) fn new(handler: &Arc<Handler>) -> Self {
        let settings = &handler.settings;
        let announced = u64::try_from(settings.max_payload).unwrap_or(u64::MAX);
        let service =
            |bound| EngineIoService::with_config(handler.clone(), config(settings, bound));
        Self {
            polling: service(MOST_POLLING_ANSWER),
            websocket: service(announced),
        }
    }

    /// Answers a request for or of a session that begins, or has begun, with this transport.
    pub(super) async fn answer(
        &self,
        begins_with: TransportType,
        request: Request<Body>,
    ) -> Response<Body> {
        let engine = match begins_with {
            TransportType::Polling => &self.polling,
            TransportType::Websocket => &self.websocket,
        };
        let answer: Result<_, Infallible> = engine.clone().oneshot(request).await;
        let Ok(response) = answer;
        response.map(Body::new)
    }
}

fn config(settings: &Settings, most_polling_answer: u64) -> EngineIoConfig {
    let config = EngineIoConfig::builder()
        .req_path(settings.socket_path.clone())
        .ping_interval(settings.ping_interval)
        .ping_timeout(settings.ping_timeout)
        .upgrade_timeout(UPGRADE_TIMEOUT)
        .max_payload(most_polling_answer)
        .ws_max_message_size(settings.max_payload)
        .ws_max_frame_size(settings.max_payload)
        // Clients send little; the default of 4 KiB is kept for each connection.
        .ws_read_buffer_size(1024);
    match (settings.transports.polling, settings.transports.websocket) {
        (true, false) => config.transports([TransportType::Polling]),
        (false, true) => config.transports([TransportType::Websocket]),
        _ => config,
    }
    .build()
}
