//! Programs that a run starts. They die with it, however it ends; what they say on stderr goes to a
//! file of the run.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use tokio::process::Command;

/// The project's directory.
pub(crate) fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A program of this workspace, built beside this one.
///
/// # Errors
/// When it is not there.
pub(crate) fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("cannot find this program")?;
    let path = me.with_file_name(name);
    anyhow::ensure!(
        path.is_file(),
        "no {name} at {}; build it with `cargo build -p {name}`, in the same profile",
        path.display()
    );
    Ok(path)
}

/// A command that is killed when this process ends or drops it.
///
/// # Errors
/// When the log cannot be written.
pub(crate) fn child_command(program: impl AsRef<OsStr>, log: &Path) -> anyhow::Result<Command> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL"])
        .arg(program)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true);
    Ok(command)
}
