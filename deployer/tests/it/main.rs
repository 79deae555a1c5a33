//! The deployer's integration tests: one binary, a module for each part.

// clippy exempts `#[test]` functions alone; helpers of tests may fail just as loudly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod balancer;
