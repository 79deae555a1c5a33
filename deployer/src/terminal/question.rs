//! A question to whoever sits at the terminal, that Ctrl-C ends.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, bail};
use tokio::sync::oneshot;

use super::output::say;

/// Asks, and waits for a line.
///
/// # Errors
/// There is no answer to be had.
pub async fn ask(question: &str) -> anyhow::Result<String> {
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

/// Asks for a yes, unless it was given beforehand.
///
/// # Errors
/// The answer is no, or nobody is there to answer.
pub async fn confirm(yes: bool, question: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("nothing was changed: there is no terminal to confirm on; --yes confirms beforehand");
    }
    match ask(&format!("{question} [y/N]"))
        .await?
        .to_lowercase()
        .as_str()
    {
        "y" | "yes" => Ok(()),
        _ => bail!("declined; nothing was changed"),
    }
}
