//! What a stack of an environment keeps over its end: its keys, and the store of a single task that
//! the template would have in memory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The directory of one environment's stack. One stack at a time has it.
#[derive(Debug)]
pub struct Kept {
    directory: PathBuf,
    /// Held for as long as the stack runs.
    _lock: File,
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

    /// Where the backend keys are. A rotation writes here at once, so that a stack that is killed
    /// loses none.
    #[must_use]
    pub fn backend_keys(&self) -> PathBuf {
        self.directory.join("backend.keys")
    }

    /// The plugin key of the demo channel that the stack before this one had. What cannot be read
    /// counts as none: a new one is made.
    #[must_use]
    pub fn plugin_key(&self) -> Option<String> {
        let text = fs::read_to_string(self.plugin_file()).ok()?;
        (!text.is_empty()).then_some(text)
    }

    /// Keeps the plugin key for the next stack.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_plugin_key(&self, key: &str) -> io::Result<()> {
        let mut file = private(&self.plugin_file())?;
        file.set_len(0)?;
        file.write_all(key.as_bytes())
    }

    fn plugin_file(&self) -> PathBuf {
        self.directory.join("plugin.key")
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
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn the_next_stack_finds_the_keys_and_one_beside_it_finds_nothing() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("local.yaml");
        fs::write(&file, "").unwrap();
        let kept = Kept::open(home.path(), &file).unwrap().unwrap();
        assert_eq!(kept.plugin_key(), None);
        for key in ["longer", "p"] {
            kept.keep_plugin_key(key).unwrap();
        }
        assert!(Kept::open(home.path(), &file).unwrap().is_none());
        let other = home.path().join("other.yaml");
        fs::write(&other, "").unwrap();
        assert!(Kept::open(home.path(), &other).unwrap().is_some());
        drop(kept);
        // A process that another test starts just then holds the lock until it is another program.
        let start = Instant::now();
        let next = loop {
            if let Some(next) = Kept::open(home.path(), &file).unwrap() {
                break next;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "it is held");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(next.plugin_key().as_deref(), Some("p"));
    }
}
