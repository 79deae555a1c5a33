//! Delivery: each message at its moment, to every socket of its mailbox, until its key acknowledges
//! it.
//!
//! The hub knows which sockets of this node are on which mailbox and when the next message is due;
//! a subscriber is one socket and decides what to emit; the recorder tells the store what was
//! emitted and acknowledged. Nothing here knows Socket.IO: a subscriber writes to an `Outlet`.

mod acknowledging;
mod blame;
mod channel;
mod clocks;
mod emitting;
mod hub;
mod queue;
mod reading;
mod recorder;
mod recovery;
mod repeats;
mod schedule;
mod shown;
#[cfg(test)]
mod simulation;
mod subscriber;
mod suspects;
mod sweep;
mod tuning;
mod turns;
mod window;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::ban::Ban;
use crate::clock::{Clock, Millis};
use crate::keys::ClientInfo;
use crate::message::Message;
use crate::metrics::Metrics;
use crate::store::{Store, Timed};
use crate::tasks::Tasks;

pub use acknowledging::{ById, Refused, Settled};
pub use hub::Hub;
pub use recorder::Recorder;
pub use subscriber::Subscriber;
pub use suspects::Suspects;
pub use tuning::Tuning;
pub use turns::Turns;

/// What every part of the delivery works with.
pub struct Context {
    /// This node's name.
    pub node: Arc<str>,
    /// The store.
    pub store: Arc<Timed<dyn Store>>,
    /// The store's clock.
    pub clock: Clock,
    /// The tasks that the node lives by.
    pub tasks: Tasks,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where receipts go.
    pub recorder: Recorder,
    /// Whose mailbox is read next: when thousands come back at once, they queue here.
    pub reads: Turns,
    /// Messages that sessions have ended on.
    pub suspects: Suspects,
    /// Bans that other nodes have told of.
    pub bans: broadcast::Sender<Ban>,
    /// Namespaces whose messages ask for no acknowledgement.
    pub unacknowledged: Vec<String>,
    /// The constants.
    pub tuning: Tuning,
    /// Bytes that a client may send in one message or polling body.
    pub max_payload: usize,
}

/// An emission of a message.
pub struct Emission<'a> {
    /// The message.
    pub message: &'a Message,
    /// The number that the client's acknowledgement will carry; none where none is asked for.
    pub number: Option<u64>,
    /// When it is sent, by the store's clock.
    pub sent_at: Millis,
    /// For how long it is still of use.
    pub expires_in: Duration,
    /// Whether it was handed to a connection of the key before, this one included, as far as the
    /// store knows.
    pub redelivered: bool,
}

/// Where a subscriber's messages go: one socket of one client.
pub trait Outlet: Send + Sync + 'static {
    /// Hands a message to the transport; false if it takes none now.
    fn emit(&self, emission: &Emission<'_>) -> bool;
    /// Where the client is, and what it speaks.
    fn client_info(&self) -> ClientInfo;
    /// Whether the transport is polling.
    fn is_polling(&self) -> bool;
    /// When the client was last heard of, in any way.
    fn last_heard(&self) -> Instant;
    /// Asks a silent client for a sign of life, where the transport can.
    fn probe(&self);
    /// Cuts the connection of a client that does not read; it may come back.
    fn cut_silent_client(&self);
    /// Sends the client away for good: its key is no longer valid.
    fn dismiss(&self);
}
