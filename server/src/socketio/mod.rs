//! Socket.IO on top of the engine: handshakes, namespaces, packets and the sessions of
//! this node.
//! The layer above the engine is ours, because delivery needs what the general one does not offer:
//! acknowledgements that name the message, one encoding for all sockets, and an end of a session
//! that lets the client come back.

mod counted;
mod expiry;
mod gate;
mod handler;
mod handshake;
mod join;
mod lookup;
mod outlet;
mod packet;
mod pressure;
mod query;
mod registry;
mod session;
mod strangers;

pub use gate::Gate;
pub use handler::Handler;
pub use registry::Sessions;
pub use session::Session;

/// Reads a packet as a client's, for a fuzzer.
#[cfg(fuzzing)]
pub fn fuzz_packet(text: &str) {
    if let Some((_, packet::Incoming::Event(arguments, _))) = packet::decode(text) {
        let _ = packet::acknowledged_by_event(&arguments);
    }
}
