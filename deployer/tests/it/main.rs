//! Tests of the deployer as others use it.

mod check_broken;
