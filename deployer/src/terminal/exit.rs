//! How a verb ends: exit codes are an interface.

use std::process::ExitCode;

/// How a verb ended, for whatever runs it. The numbers are an interface: they do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Well = 0,
    /// A rule is violated, or a probe failed.
    Failed = 1,
    /// It could not run: usage, environment file, credentials, declined.
    CouldNotRun = 2,
    /// The deployment failed.
    NotDeployed = 3,
    /// A plan has changes, and that was asked for.
    Changes = 4,
    /// It goes on without being watched: the time was up, or AWS can no longer be asked.
    StillRunning = 5,
    /// Interrupted before it was done.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Put on an error as context, it decides the exit code: not every error means that a verb could
/// not run.
#[derive(Debug)]
pub struct Ended(pub Exit);

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Exit::NotDeployed => f.write_str("the stack failed"),
            Exit::Interrupted => f.write_str("interrupted"),
            Exit::StillRunning => f.write_str("still running"),
            Exit::Well | Exit::Failed | Exit::CouldNotRun | Exit::Changes => f.write_str("failed"),
        }
    }
}
