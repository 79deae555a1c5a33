//! The side of the socket that asks.

use std::io;
use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;

use super::{Answer, Command};

/// Why a stack could not be asked, or did not finish its answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens.
    #[error("the stack cannot be reached at {path}; is it starting or stopping?")]
    Unreachable {
        /// The socket.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The stack went away, or writes what this deployer does not understand.
    #[error("the stack ended before this was done")]
    Broken,
}

/// The answers to one command.
#[derive(Debug)]
pub struct Answers(Lines<BufReader<UnixStream>>);

/// Asks the stack whose socket is at `path`.
///
/// # Errors
/// When nobody listens.
pub async fn call(path: &Path, command: &Command) -> Result<Answers, Error> {
    let failed = |source| Error::Unreachable {
        path: path.display().to_string(),
        source,
    };
    let mut stream = UnixStream::connect(path).await.map_err(failed)?;
    let mut line = serde_json::to_vec(command).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    stream.write_all(&line).await.map_err(failed)?;
    Ok(Answers(BufReader::new(stream).lines()))
}

impl Answers {
    /// The next one. The last is not a [`Answer::Step`].
    ///
    /// # Errors
    /// When the stack went away before its last.
    pub async fn next(&mut self) -> Result<Answer, Error> {
        let line = self.0.next_line().await.ok().flatten();
        let answer = line.and_then(|line| serde_json::from_str(&line).ok());
        answer.ok_or(Error::Broken)
    }
}
