//! Engine.IO 3 and 4: sessions that are carried by polling, by a WebSocket, and by one after the
//! other.
//!
//! `machine` is a session without a socket in it: what each packet, poll, deadline and end leads
//! to. Around it is `session`; `polling` and `websocket` are the one task of a session, `writing`
//! and `hearing` what goes out and comes in, and `upgrade` makes a WebSocket of a request. `frames`
//! and `payload` are the two wire formats.
//!
//! Why not one of the libraries: each WebSocket crate keeps a read and a write buffer for every
//! connection, and answers pings without a bound. Here a connection that is idle has no buffer at
//! all, and nothing waits without a bound. Headers are read and written by `tungstenite`.

mod allowance;
mod frames;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hearing;
mod machine;
mod payload;
mod polling;
mod protocol;
mod session;
mod upgrade;
mod websocket;
mod writing;

use std::sync::{Arc, Weak};

pub use machine::{Answer, How, Machine, ProbeId};
pub use polling::{Polled, Waiting};
pub use protocol::{Config, Protocol, RequestError, Transport};
pub use session::{Session, Upper};
pub use socketioxide_core::Sid;
pub use upgrade::{Connected, Upgrading, accept, is_wanted};

/// Opens a session over polling, under what `layer` makes of it. Returns the answer's body.
pub fn open_polling(
    protocol: Protocol,
    config: &Arc<Config>,
    layer: impl FnOnce(&Arc<Session>) -> Weak<dyn Upper>,
) -> String {
    let session = Session::new(protocol, Transport::Polling, config.clone(), None);
    let packet = config.open_packet(session.id, Transport::Polling);
    session.set_upper(layer(&session));
    tokio::spawn(polling::drive(session));
    let mut body = String::new();
    payload::push(protocol, &mut body, "", &[&packet]);
    body
}
