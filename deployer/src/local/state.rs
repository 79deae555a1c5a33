//! Where other terminals find the running local stacks: a directory of this user's alone, in it for
//! each stack a file with what it is, its control socket and the data of its
//! store.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, geteuid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::backend_keys;

/// A running local stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// The balancer's URL.
    pub url: String,
    /// The URL of the balancer that backends have for themselves, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// A backend's key.
    pub backend_key: String,
    /// The demo channel.
    pub channel: String,
    /// The demo channel's plugin key.
    pub plugin_key: String,
    /// The Socket.IO path.
    pub path: String,
    /// The namespaces that the server knows.
    pub namespaces: Vec<String>,
    /// The deployer that runs it.
    pub pid: u32,
}

impl Local {
    /// Where backends call.
    #[must_use]
    pub fn api(&self) -> &str {
        self.api_url.as_deref().unwrap_or(&self.url)
    }
}

/// Why no stack was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// None runs.
    #[error("no local stack is running; start one with `deployer up --env local`, or give --url")]
    None,
    /// Which one is meant is not clear.
    #[error("several local stacks are running; choose one with --url: {}", .0.join(", "))]
    Several(Vec<String>),
    /// No stack of that URL, so its keys are not known.
    #[error("no local stack runs at {0}; give the key for it")]
    Elsewhere(String),
    /// The directory cannot be used.
    #[error("cannot use {path}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The file of a running stack; dropping it removes the file.
#[derive(Debug)]
pub struct Announcement(PathBuf);

impl Drop for Announcement {
    fn drop(&mut self) {
        // A file that stays behind names a process that is gone, and is swept up by the next
        // reader.
        let _ = fs::remove_file(&self.0);
    }
}

/// This user's directory of running stacks.
#[must_use]
pub fn directory() -> PathBuf {
    std::env::temp_dir().join(format!("holdfast-{}", geteuid().as_raw()))
}

/// The control socket of the stack that process `pid` runs.
#[must_use]
pub fn socket(directory: &Path, pid: u32) -> PathBuf {
    directory.join(format!("{pid}.sock"))
}

/// The file with the backend keys of the stack that process `pid` runs.
#[must_use]
pub fn keys(directory: &Path, pid: u32) -> PathBuf {
    directory.join(format!("{pid}.keys"))
}

/// The file of a stack's backend keys; dropping it removes it.
#[derive(Debug)]
pub(super) struct KeyFile(pub(super) PathBuf);

impl KeyFile {
    /// Writes it. It leads to `kept`, where there is such a file: what is written then outlives the
    /// stack.
    pub(super) fn create(
        directory: &Path,
        pid: u32,
        text: &str,
        kept: Option<&Path>,
    ) -> Result<Self, Error> {
        let path = keys(directory, pid);
        open_directory(directory)?;
        // One of a process that is gone, and had the same id: it may lead to another stack's keys.
        let _ = fs::remove_file(&path);
        if let Some(kept) = kept {
            let kept = std::path::absolute(kept);
            kept.and_then(|kept| symlink(kept, &path))
                .map_err(|source| Error::Directory {
                    path: path.clone(),
                    source,
                })?;
        }
        write_keys(directory, pid, text)?;
        Ok(Self(path))
    }
}

/// The last key of a file of backend keys.
pub(super) fn newest(path: &Path) -> Option<String> {
    let keys = fs::read_to_string(path).ok()?;
    Some(backend_keys::parse(&keys).pop()?.key)
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        // One that stays behind belongs to a process that is gone, and is swept up.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes the backend keys of the stack that process `pid` runs. Whoever reads them meanwhile finds
/// the old ones or the new ones.
///
/// # Errors
/// The directory is not this user's alone, or cannot be written.
pub fn write_keys(directory: &Path, pid: u32, text: &str) -> Result<(), Error> {
    open_directory(directory)?;
    let path = keys(directory, pid);
    let path = fs::read_link(&path).unwrap_or(path);
    let next = path.with_extension("keys-next");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&next)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&next, &path)
    };
    write().map_err(|source| Error::Directory { path, source })
}

/// Where the Redis of the stack that process `pid` runs keeps its data.
#[must_use]
pub(super) fn redis_data(directory: &Path, pid: u32) -> PathBuf {
    directory.join(format!("{pid}.redis"))
}

/// Where the single task of the stack that process `pid` runs keeps its messages.
#[must_use]
pub(super) fn task_data(directory: &Path, pid: u32) -> PathBuf {
    directory.join(format!("{pid}.store"))
}

/// Makes the directory, or sees that it is this user's alone; what stacks left behind that are gone
/// is removed.
///
/// # Errors
/// When it is not, or cannot be read.
pub fn open(directory: &Path) -> Result<(), Error> {
    open_directory(directory)?;
    sweep(directory)
}

fn open_directory(directory: &Path) -> Result<(), Error> {
    let failed = |source| Error::Directory {
        path: directory.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    // The place is known to everyone: another user may have made it first, to read keys or to plant
    // some.
    let found = fs::symlink_metadata(directory).map_err(failed)?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(failed(io::Error::other(
            "the directory must belong to this user alone; remove it",
        )));
    }
    Ok(())
}

/// Announces a running stack in `directory`.
///
/// # Errors
/// When the directory is not this user's alone, or cannot be written.
pub fn announce(directory: &Path, local: &Local) -> Result<Announcement, Error> {
    open(directory)?;
    let path = directory.join(format!("{}.json", local.pid));
    let write = || -> io::Result<()> {
        let mut file: File = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(serde_json::to_string(local)?.as_bytes())
    };
    write().map_err(|source| Error::Directory {
        path: path.clone(),
        source,
    })?;
    Ok(Announcement(path))
}

/// The running stack: the only one, or the one at `url`.
///
/// # Errors
/// When there is none, or several and no `url`.
pub fn find(directory: &Path, url: Option<&str>) -> Result<Local, Error> {
    let mut running = running(directory)?;
    match url {
        Some(url) => {
            let wanted = url.trim_end_matches('/');
            let is_at = |local: &Local| local.url == wanted || local.api() == wanted;
            let found = running.into_iter().find(is_at);
            found.ok_or_else(|| Error::Elsewhere(url.to_owned()))
        }
        None if running.len() > 1 => Err(Error::Several(
            running.into_iter().map(|local| local.url).collect(),
        )),
        None => running.pop().ok_or(Error::None),
    }
}

fn running(directory: &Path) -> Result<Vec<Local>, Error> {
    if !directory.exists() {
        return Ok(vec![]);
    }
    open(directory)?;
    let files = list(directory)?.into_iter();
    let announced = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    // One that cannot be read is being written, or was just removed.
    let read = |path: PathBuf| -> Option<Local> {
        let mut local: Local = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        // Keys are rotated while a stack runs; the newest stands last.
        if let Some(newest) = newest(&keys(directory, local.pid)) {
            local.backend_key = newest;
        }
        Some(local)
    };
    Ok(announced.filter_map(read).collect())
}

/// Removes what deployers that were killed have left behind; every name begins with its deployer's
/// process.
fn sweep(directory: &Path) -> Result<(), Error> {
    for path in list(directory)? {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if !stem.and_then(|stem| stem.parse().ok()).is_some_and(alive) {
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
    }
    Ok(())
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let files = fs::read_dir(directory).map_err(|source| Error::Directory {
        path: directory.to_owned(),
        source,
    })?;
    Ok(files.filter_map(|file| Some(file.ok()?.path())).collect())
}

fn alive(pid: u32) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|pid| test_kill_process(pid).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(url: &str, pid: u32) -> Local {
        Local {
            url: url.into(),
            api_url: None,
            backend_key: "b".into(),
            channel: "demo".into(),
            plugin_key: "p".into(),
            path: "/websockets".into(),
            namespaces: vec!["dropcodes".into()],
            pid,
        }
    }

    #[test]
    fn a_running_stack_is_found_and_one_that_is_gone_is_not() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("stacks");
        assert!(matches!(find(&directory, None), Err(Error::None)));
        let mine = local("http://127.0.0.1:1", std::process::id());
        let announced = announce(&directory, &mine).unwrap();
        // No process has this id: it is above what Linux gives.
        let gone = announce(&directory, &local("http://127.0.0.1:2", 99_999_999)).unwrap();
        assert_eq!(find(&directory, None).unwrap(), mine);
        assert!(!gone.0.exists());
        assert_eq!(find(&directory, Some("http://127.0.0.1:1/")).unwrap(), mine);
        assert!(matches!(
            find(&directory, Some("http://127.0.0.1:2")),
            Err(Error::Elsewhere(_))
        ));
        let _init = announce(&directory, &local("http://127.0.0.1:3", 1)).unwrap();
        if alive(1) {
            assert!(matches!(find(&directory, None), Err(Error::Several(_))));
        }
        drop(announced);
        assert!(find(&directory, Some("http://127.0.0.1:1")).is_err());
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("stacks");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            announce(&directory, &local("http://a", 1)),
            Err(Error::Directory { .. })
        ));
    }
}
