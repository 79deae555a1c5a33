//! The server as its users meet it: real processes, real clients, real signals.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml exempts test functions, but not what they call"
)]

mod harness;

mod api;
mod openapi;
mod settings;
mod smoke;
