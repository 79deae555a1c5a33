//! A question to whoever sits at the terminal, that Ctrl-C ends.

use std::io::BufRead as _;

use anyhow::Context as _;
use tokio::sync::oneshot;

use crate::cli::say;

/// Asks, and waits for a line.
///
/// # Errors
/// There is no answer to be had.
pub(crate) async fn ask(question: &str) -> anyhow::Result<String> {
    say(question)?;
    let (answer, answered) = oneshot::channel();
    // Not on the runtime, which would wait for the answer when Ctrl-C ends the question.
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = std::io::stdin().lock().read_line(&mut line);
        let _ = answer.send(line);
    });
    let line = answered.await.context("cannot read the answer")?;
    Ok(line.trim().to_owned())
}
