#![doc = include_str!("../README.md")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![expect(missing_docs, reason = "names of tests' own parts say what they are")]

pub mod backend;
pub mod balancer;
pub mod cluster;
pub mod port;
pub mod redis;
pub mod sentinel;
pub mod stall;
