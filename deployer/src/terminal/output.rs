//! What goes to stdout and stderr: results, documents and prose.

use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Value, json};

/// How results and errors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people: results on stdout, prose and errors on stderr.
    #[default]
    Text,
    /// For programs: one JSON document on stdout, errors included.
    Json,
}

/// An error as a JSON document, with the mistakes behind it, if there are any.
#[must_use]
pub fn error_document(code: &str, message: &str, mistakes: &[Value]) -> Value {
    let mut document = json!({ "schema": 1, "type": "error", "code": code, "message": message });
    if !mistakes.is_empty() {
        document["mistakes"] = json!(mistakes);
    }
    document
}

/// A document on one line.
#[must_use]
pub fn line(document: &Value) -> String {
    format!("{document}\n")
}

/// Writes a result. A reader that has seen enough, `head` for instance, is no error.
///
/// # Errors
/// The disk is full, say.
pub fn print(text: &str) -> anyhow::Result<()> {
    print_unless_closed(text).map(|_| ())
}

/// Writes a result, and says whether anybody reads on: what has no end of its own ends there.
///
/// # Errors
/// The disk is full, say.
pub fn print_unless_closed(text: &str) -> anyhow::Result<bool> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.context("cannot write to stdout").map(|()| true),
    }
}

/// Writes prose for a person, on stderr.
///
/// # Errors
/// The disk is full. Nobody reading on changes nothing: what is done on AWS counts.
pub fn say(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stderr().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stderr"),
    }
}
