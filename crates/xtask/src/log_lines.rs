//! The log messages that the book names: the server writes each of them.

use std::fs;
use std::path::Path;

use crate::docs::book;

/// The page with the table of log lines.
const PAGE: &str = "operators/metrics-and-logs.md";

/// Checks the first column of the table of log lines: a line for each message that is not in the
/// server's source.
///
/// # Errors
/// When the page or the source cannot be read.
pub fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let page = fs::read_to_string(book(root).join(PAGE))?;
    let table = page.split_once("\n| log line |").map(|(_, table)| table);
    let Some(table) = table else {
        return Ok(vec![format!("{PAGE}: no table of log lines")]);
    };
    let source = Source::read(root)?;
    let mistakes = table
        .lines()
        .skip(2)
        .map_while(|line| line.strip_prefix("| `")?.split_once('`'))
        .filter(|(message, _)| !source.logs(message))
        .map(|(message, _)| format!("{PAGE}: the server does not log `{message}`"));
    Ok(mistakes.collect())
}

/// The server's source.
pub(crate) struct Source(String);

impl Source {
    /// Reads it.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut source = String::new();
        read(&root.join("server/src"), &mut source)?;
        Ok(Self(source))
    }

    /// Whether some text in it begins so.
    pub(crate) fn logs(&self, message: &str) -> bool {
        self.0.contains(&format!("\"{message}"))
    }
}

/// Appends all Rust files below a directory.
fn read(directory: &Path, source: &mut String) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, source)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            // A literal may be broken over lines.
            let text = fs::read_to_string(&path)?;
            let parts = text.split("\\\n").enumerate();
            for (number, part) in parts {
                source.push_str(if number == 0 { part } else { part.trim_start() });
            }
        }
    }
    Ok(())
}
