//! The stack's side of the socket.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{Answer, Command, Request};

/// The longest command.
const COMMAND: u64 = 16 * 1024;
/// Answers that may wait for a slow reader.
const ANSWERS: usize = 256;

/// The socket of a running stack; dropping it removes it.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    _serving: AbortOnDropHandle<()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A socket that stays behind is swept up by the next reader of the directory.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Passes what is asked at `path` on to `requests`. Whoever may enter the directory of `path` may
/// ask.
///
/// # Errors
/// When the system refuses.
pub fn serve(path: &Path, requests: mpsc::Sender<Request>) -> io::Result<Socket> {
    let listener = UnixListener::bind(path)?;
    let serving = tokio::spawn(async move {
        // An error here is this process's own, out of file descriptors: whoever asks next finds
        // nobody.
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, requests.clone()));
        }
    });
    Ok(Socket {
        path: path.to_owned(),
        _serving: AbortOnDropHandle::new(serving),
    })
}

/// Ends when the last answer has been written, or nobody reads any more.
async fn converse(stream: UnixStream, requests: mpsc::Sender<Request>) {
    let (from, mut to) = stream.into_split();
    let mut line = String::new();
    let _ = BufReader::new(from.take(COMMAND))
        .read_line(&mut line)
        .await;
    let (answers, mut received) = mpsc::channel(ANSWERS);
    match serde_json::from_str::<Command>(&line) {
        Ok(command) => {
            let _ = requests.send(Request { command, answers }).await;
        }
        Err(error) => {
            let message = format!(
                "the stack does not know this command ({error}); is its deployer of another \
                 version?"
            );
            let _ = answers.send(Answer::Refused { message }).await;
            drop(answers);
        }
    }
    while let Some(answer) = received.recv().await {
        let Ok(mut line) = serde_json::to_vec(&answer) else {
            return;
        };
        line.push(b'\n');
        if to.write_all(&line).await.is_err() {
            return;
        }
    }
}
