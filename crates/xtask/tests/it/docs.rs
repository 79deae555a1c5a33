//! Generated pages are what their sources say, and links lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

/// The README may be this long.
const README_BYTES: usize = 10 * 1024;

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

#[test]
fn generated_pages_are_up_to_date() {
    let mistakes = xtask::docs::check(root(), &deployer()).expect("sources can be read");
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    let mistakes = xtask::links::check(root()).expect("pages can be read");
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_server_writes_the_log_lines_that_the_book_names() {
    let mistakes = xtask::log_lines::check(root()).expect("pages can be read");
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    assert!(readme.len() <= README_BYTES, "{} bytes", readme.len());
}
