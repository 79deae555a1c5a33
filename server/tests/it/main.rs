//! The server as its users meet it: real processes, real clients, real signals.

mod crash;
mod faulty;
mod harness;

mod outage;
mod slow;
mod smoke;
mod store;
