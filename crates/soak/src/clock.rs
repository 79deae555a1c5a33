//! A wall clock that a run sets, for the processes that are started under it. Their monotonic clock
//! stays true.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::process::project;

/// The clock's time, in a file that processes read each time they ask.
#[derive(Debug, Clone)]
pub(crate) struct WallClock {
    file: PathBuf,
    library: PathBuf,
}

impl WallClock {
    /// A right clock, whose files are in `directory`.
    ///
    /// # Errors
    /// When its library cannot be built.
    pub(crate) async fn right(directory: &Path) -> anyhow::Result<Self> {
        let clock = Self {
            file: directory.join("wall-clock"),
            library: directory.join("leap.so"),
        };
        clock.set(0)?;
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-o"])
            .arg(&clock.library);
        compiler.arg(project().join("tools/leap.c"));
        let built = compiler.status().await.context("cannot run cc")?;
        ensure!(built.success(), "tools/leap.c cannot be compiled");
        Ok(clock)
    }

    /// Sets it to so many seconds ahead of the true time.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn set(&self, ahead: i64) -> anyhow::Result<()> {
        // Readers see the old file or the new one.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{ahead:+}\n"))?;
        std::fs::rename(new, &self.file)?;
        Ok(())
    }

    /// What puts a process under it.
    pub(crate) fn environment(&self) -> [(&'static str, &Path); 2] {
        [
            ("LD_PRELOAD", &self.library),
            ("FAKETIME_TIMESTAMP_FILE", &self.file),
        ]
    }
}
