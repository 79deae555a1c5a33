//! What a stack of an environment keeps over its end: its keys, and the store of a single task that
//! the template would have in memory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The directory of one environment's stack. One stack at a time has it.
#[derive(Debug)]
pub struct Kept {
    directory: PathBuf,
    /// Held for as long as the stack runs.
    _lock: File,
}

/// The keys of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// The backend's key.
    pub backend: String,
    /// The demo channel's plugin key; empty before there is one.
    pub plugin: String,
}

impl Kept {
    /// The directory for the environment in `file`, below this user's `home`; none where another
    /// stack of the environment runs.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(home: &Path, file: &Path) -> io::Result<Option<Self>> {
        let file = file.canonicalize()?;
        // A directory's name cannot have a slash; a sign that paths rarely have keeps it legible.
        let name = file.to_string_lossy().replace('/', "%");
        let directory = home.join(".local/state/holdfast").join(name);
        // The keys are in it.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        let lock = private(&directory.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self {
                directory,
                _lock: lock,
            })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Where the store of a single task is.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.directory.join("store")
    }

    /// The keys of the stack before this one. What cannot be read counts as none: new ones are made.
    #[must_use]
    pub fn keys(&self) -> Option<Keys> {
        serde_json::from_slice(&fs::read(self.file()).ok()?).ok()
    }

    /// Keeps the keys for the next stack.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, keys: &Keys) -> io::Result<()> {
        let file = private(&self.file())?;
        file.set_len(0)?;
        Ok(serde_json::to_writer(file, keys)?)
    }

    fn file(&self) -> PathBuf {
        self.directory.join("keys.json")
    }
}

/// A file that its user alone can read, opened for writing.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_stack_finds_the_keys_and_one_beside_it_finds_nothing() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("local.yaml");
        fs::write(&file, "").unwrap();
        let kept = Kept::open(home.path(), &file).unwrap().unwrap();
        assert_eq!(kept.keys(), None);
        let keys = Keys {
            backend: "b".into(),
            plugin: "p".into(),
        };
        kept.keep(&keys).unwrap();
        assert!(Kept::open(home.path(), &file).unwrap().is_none());
        let other = home.path().join("other.yaml");
        fs::write(&other, "").unwrap();
        assert!(Kept::open(home.path(), &other).unwrap().is_some());
        drop(kept);
        let next = Kept::open(home.path(), &file).unwrap().unwrap();
        assert_eq!(next.keys(), Some(keys));
    }
}
