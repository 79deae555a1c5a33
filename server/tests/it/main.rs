//! The server as its users meet it: real processes, real clients, real signals.

mod harness;

mod api;
mod openapi;
mod settings;
mod smoke;
