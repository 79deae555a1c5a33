//! The server as its users meet it: real processes, real clients, real signals.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod abuse;
mod acknowledging;
mod admission;
mod api;
mod bans;
mod client_matrix;
mod clients;
mod clocks;
mod cluster;
mod cluster_absence;
mod cluster_faults;
mod compliance;
mod crash;
mod draining;
mod encrypted;
mod faulty_store;
mod flood;
mod forged;
mod forwarder;
mod full_disk;
mod harness;
mod image;
mod indexes;
mod observability;
mod openapi;
mod poison;
mod protocol_details;
mod raw;
mod redis;
mod redis_faults;
mod redis_latency;
mod redis_requirements;
mod refusals;
mod rules;
mod sentinels;
mod settings;
mod shared;
mod slow_clients;
mod smoke;
mod store;
mod store_faults;
mod strangers;
mod supervision;
mod task_protection;
mod tokens;
mod upgrades;
mod waiting_polls;
mod why;
mod wire;
