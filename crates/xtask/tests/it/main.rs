//! The documentation as it is checked in.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod docs;
mod examples;
mod program;
mod quotes;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the repository is two directories up")
}

/// The deployer that was built beside this test.
fn deployer() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let directory = test.ancestors().nth(2).expect("target/debug");
    directory.join("deployer")
}
