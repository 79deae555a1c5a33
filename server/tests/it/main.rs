//! The server as its users meet it: real processes, real clients, real signals.

mod api;
mod harness;

mod openapi;
mod smoke;
