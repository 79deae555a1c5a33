//! The deployer's integration tests: one binary, a module for each part.

mod balancer;
