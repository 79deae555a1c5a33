//! Opens the console in a browser where there is one.
//!
//! The address carries the token, and the arguments of a program can be read by every user of the
//! machine. The browser is therefore given a file of this user's alone, which leads on.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The file that leads to the console; dropping it removes it.
#[derive(Debug)]
pub struct Redirect(PathBuf);

impl Drop for Redirect {
    fn drop(&mut self) {
        // One that stays behind leads to a console that is gone.
        let _ = fs::remove_file(&self.0);
    }
}

/// Opens `address`, by a file in `directory`; none where there is no browser.
///
/// # Errors
/// The file cannot be written.
pub fn open(address: &str, directory: &Path) -> io::Result<Option<Redirect>> {
    let Some(program) = program() else {
        return Ok(None);
    };
    let path = directory.join(format!("console-{}.html", std::process::id()));
    let redirect = Redirect(path.clone());
    let _ = fs::remove_file(&path);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(page(address).as_bytes())?;
    let mut command = Command::new(program);
    command
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command.spawn().is_ok().then_some(redirect))
}

/// A page that leads to an address, which has no character that HTML knows.
fn page(address: &str) -> String {
    format!(
        "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0; url={address}\">\n"
    )
}

#[cfg(target_os = "macos")]
fn program() -> Option<&'static str> {
    Some("open")
}

/// On a machine without a screen `xdg-open` would start a browser in the terminal, or wait.
#[cfg(not(target_os = "macos"))]
#[expect(
    clippy::disallowed_methods,
    reason = "whether there is a screen is no setting of the deployer's"
)]
fn program() -> Option<&'static str> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")).then_some("xdg-open")
}
