//! The failures that this project exists for, and their cures: real servers and real clients, behind the model and
//! behind HAProxy.

mod clients;
mod early_answers;
mod front;
mod heartbeat;
mod keep_alive;
pub(crate) mod party;
mod probe;
mod stickiness;
