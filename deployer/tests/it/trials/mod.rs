//! The failures that this project exists for, and their cures: real servers and real clients,
//! behind the model and behind HAProxy.

mod balancers;
mod clients;
mod early_answers;
mod encrypted;
mod heartbeat;
mod keep_alive;
mod origins;
pub(crate) mod participants;
mod probe;
mod stickiness;
