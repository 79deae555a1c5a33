//! The server as its users meet it: real processes, real clients, real signals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml exempts test functions, but not what they call"
)]

mod api;
mod clients;
mod crash;
mod faulty;
mod harness;
mod openapi;
mod outage;
mod settings;
mod slow;
mod smoke;
mod store;
mod ways;
