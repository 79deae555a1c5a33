//! The server as its users meet it: real processes, real clients, real signals.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod abuse;
mod api;
mod clients;
mod crash;
mod encrypted;
mod faulty;
mod forwarder;
mod harness;
mod image;
mod interruption;
mod leaving;
mod openapi;
mod outage;
mod protocol;
mod raw;
mod redis;
mod refusals;
mod rules;
mod settings;
mod shared;
mod slow;
mod smoke;
mod store;
mod unfit;
mod ways;
