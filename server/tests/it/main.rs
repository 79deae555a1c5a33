//! The server as its users meet it: real processes, real clients, real signals.

mod harness;

mod abuse;
mod clients;
mod leaving;
mod raw;
mod refusals;
mod smoke;
mod ways;
