//! The server as its users meet it: real processes, real clients, real signals.

mod clients;
mod crash;
mod faulty;
mod harness;
mod openapi;
mod outage;
mod slow;
mod smoke;
mod store;
mod ways;
