//! What `listen`, `send` and `probe` share: which server is meant, and with what key.

use std::path::{Path, PathBuf};

use crate::backend_keys::first;
use crate::local::state::{self, Local};
use anyhow::Context as _;

/// The running local stack, or the one at `url` if it is one of this machine's.
///
/// # Errors
/// When none runs, or it is not clear which.
pub fn local(url: Option<&str>) -> anyhow::Result<Local> {
    Ok(state::find(&state::directory(), url)?)
}

/// Where backends call: at the local stack's own address for them, or at this URL.
#[must_use]
pub fn api_url(url: &str) -> String {
    local(Some(url)).map_or_else(|_| url.to_owned(), |here| here.api().to_owned())
}

/// The backend's key: from a file, or the local stack's.
///
/// # Errors
/// When the file cannot be read, or there is neither.
pub fn backend_key(file: Option<&PathBuf>, url: Option<&str>) -> anyhow::Result<String> {
    match file {
        Some(file) => first_key(file),
        None => Ok(local(url)
            .context("a backend key is needed: give --backend-key-file")?
            .backend_key),
    }
}

/// The first key of a file.
///
/// # Errors
/// When the file cannot be read, or has none.
pub fn first_key(file: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    first(&text).with_context(|| format!("{} has no key", file.display()))
}

/// A namespace as Socket.IO names it: with its slash.
#[must_use]
pub fn with_slash(namespace: &str) -> String {
    format!("/{}", namespace.trim_start_matches('/'))
}

/// A path without a slash at its end, and with one at its start.
#[must_use]
pub fn path(text: &str) -> String {
    format!("/{}", text.trim_matches('/'))
}
