//! The load balancer model against real sockets: each test is one behaviour of AWS's and cites its page.

pub(crate) mod backend;
mod drain;
mod errors;
mod forwarded;
mod health;
mod idle;
mod rules;
pub(crate) mod stack;
mod stickiness;
mod undisturbed;
mod websocket;
