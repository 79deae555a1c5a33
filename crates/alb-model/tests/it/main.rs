//! The load balancer model against real sockets: each test is one behaviour of AWS's and cites its
//! page.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod drain;
mod errors;
mod forwarded;
mod health;
mod idle;
mod program;
mod rules;
mod stickiness;
mod websocket;
