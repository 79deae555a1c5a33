//! The failures that this project exists for, and their cures: real servers and real clients,
//! behind the model and behind HAProxy.

mod balancers;
mod clients;
mod early_answers;
mod heartbeat;
mod keep_alive;
pub(crate) mod participants;
mod probe;
mod stickiness;
