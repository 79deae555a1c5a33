//! Tests of the deployer as others use it.
#![expect(clippy::expect_used, reason = "a test that cannot be set up must fail")]

mod check_broken;
mod check_cli;
mod check_shapes;
mod sound;
