//! The `deployer` as its users meet it: the real binary, in a directory of its own; and the parts
//! that need real sockets and processes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod actions;
mod attributes;
mod check_any_value;
mod check_broken;
mod check_cdk;
mod check_cli;
mod check_corpus;
mod check_front;
mod check_kinds;
mod check_live;
mod check_scripts;
mod check_taken;
mod check_templates;
mod check_terraform;
mod check_terraform_hidden;
mod check_terraform_unknown;
mod check_unknown;
mod check_whole;
mod check_whole_kinds;
mod colour;
mod console;
mod deploy;
mod emulator;
mod encryption;
mod environment_mistakes;
mod firewall;
mod init;
mod internal_api;
mod isolation;
mod lint;
mod local;
mod operations;
mod pairwise;
mod plan;
mod render;
mod resolution;
mod running;
mod setup;
mod sound;
mod stack_named;
mod telemetry;
mod template_mistakes;
mod trials;
mod up;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run of the binary left.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}\n{}{}", self.code, self.stdout, self.stderr)
    }
}

/// Runs the binary in a directory.
fn deployer(directory: &Path, args: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_deployer"))
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    Run {
        code: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("it writes UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("it writes UTF-8"),
    }
}

/// An empty directory for one test.
fn directory(test: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    match std::fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
        _ => std::fs::create_dir_all(&directory).expect("it can be made"),
    }
    directory
}

/// The project's own directory.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the crate is in a workspace")
}

/// Writes a file, and the directories above it.
fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("it is in a directory")).expect("it can be made");
    std::fs::write(path, text).expect("it can be written");
}
