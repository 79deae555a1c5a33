//! The command line as it was typed, and what every verb shares: output format, exit codes, how errors are shown.
//!
//! To add a verb: a file in `commands/` with `Args` and `run`, a variant of [`Verb`], a line in [`Verb::run`].

use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use cloudformation::diagnostic::{Mistake, Mistakes};
use deployer::colour;
use serde_json::{Value, json};

use crate::commands;

/// Renders, checks and deploys a Socket.IO service on AWS, and runs the same stack on this machine.
#[derive(Parser)]
#[command(name = "deployer", version, arg_required_else_help = true)]
struct Cli {
    /// How results and errors are written.
    #[arg(long, global = true, value_enum, default_value_t)]
    output: Output,
    #[command(subcommand)]
    verb: Verb,
}

/// How results and errors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people: results on stdout, prose and errors on stderr.
    #[default]
    Text,
    /// For programs: one JSON document on stdout, errors included.
    Json,
}

#[derive(Subcommand)]
enum Verb {
    Check(Box<commands::check::Args>),
    Explain(commands::explain::Args),
    Init(commands::init::Args),
    Render(commands::render::Args),
    Plan(commands::plan::Args),
    Up(Box<commands::up::Args>),
    Status(commands::status::Args),
    Logs(commands::logs::Args),
    Rollback(Box<commands::rollback::Args>),
    Down(commands::down::Args),
    Local(commands::local::Args),
    Probe(commands::probe::Args),
    Listen(commands::listen::Args),
    Send(commands::send::Args),
    Completions(commands::completions::Args),
    #[command(hide = true)]
    Leash(commands::leash::Args),
}

impl Verb {
    fn run(&self, output: Output) -> anyhow::Result<Exit> {
        match self {
            Self::Check(args) => commands::check::run(args, output),
            Self::Explain(args) => commands::explain::run(args, output),
            Self::Init(args) => commands::init::run(args, output),
            Self::Render(args) => commands::render::run(args, output),
            Self::Plan(args) => commands::plan::run(args, output),
            Self::Up(args) => commands::up::run(args, output),
            Self::Status(args) => commands::status::run(args, output),
            Self::Logs(args) => commands::logs::run(args, output),
            Self::Rollback(args) => commands::rollback::run(args, output),
            Self::Down(args) => commands::down::run(args, output),
            Self::Local(args) => commands::local::run(args, output),
            Self::Probe(args) => commands::probe::run(args, output),
            Self::Listen(args) => commands::listen::run(args, output),
            Self::Send(args) => commands::send::run(args, output),
            Self::Completions(args) => commands::completions::run::<Cli>(args),
            Self::Leash(args) => commands::leash::run(args),
        }
    }
}

/// How a verb ended, for whatever runs it. The numbers are an interface: they do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
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

/// Put on an error as context, it decides the exit code: not every error means that a verb could not run.
#[derive(Debug)]
pub(crate) struct Ended(pub(crate) Exit);

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

/// Parses the arguments, runs the verb, and reports its error, if any.
pub(crate) fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<_> = args.collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && wants_json(&args) => {
            let message = error.render().to_string();
            let message = message.trim().trim_start_matches("error: ");
            return finish(
                print(&line(&error_document("usage", message, &[]))),
                Exit::CouldNotRun,
            );
        }
        // Help and version are no errors; clap knows which stream each goes to, and its codes are 0 and 2.
        Err(error) => error.exit(),
    };
    match cli.verb.run(cli.output) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = error
                .downcast_ref::<Ended>()
                .map_or(Exit::CouldNotRun, |ended| ended.0);
            finish(report(&error, cli.output), exit)
        }
    }
}

/// Nobody reads what cannot be written: a closed pipe changes nothing about how the verb ended.
fn finish(_written: anyhow::Result<()>, exit: Exit) -> ExitCode {
    exit.into()
}

/// Whether `--output json` was asked for, in a command line that could not be parsed.
fn wants_json(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "--output=json")
        || args
            .windows(2)
            .any(|two| two[0] == "--output" && two[1] == "json")
}

fn report(error: &anyhow::Error, output: Output) -> anyhow::Result<()> {
    let mistakes = error.downcast_ref::<Mistakes>();
    if output == Output::Json {
        let list: Vec<_> = mistakes
            .iter()
            .flat_map(|mistakes| mistakes.iter())
            .map(Mistake::json)
            .collect();
        let (code, message) = match (mistakes, list.len()) {
            (None, _) => ("failed", format!("{error:#}")),
            (Some(mistakes), 1) => (
                "mistakes",
                mistakes
                    .iter()
                    .map(|mistake| mistake.message.clone())
                    .collect(),
            ),
            (Some(_), count) => ("mistakes", format!("{count} mistakes")),
        };
        return print(&line(&error_document(code, &message, &list)));
    }
    let mut stderr = std::io::stderr().lock();
    match mistakes {
        Some(mistakes) => writeln!(
            stderr,
            "{}",
            mistakes.text(colour::wanted(std::io::stderr().is_terminal()))
        )?,
        None => writeln!(stderr, "error: {error:#}")?,
    }
    Ok(())
}

pub(crate) fn error_document(code: &str, message: &str, mistakes: &[Value]) -> Value {
    let mut document = json!({ "schema": 1, "type": "error", "code": code, "message": message });
    if !mistakes.is_empty() {
        document["mistakes"] = json!(mistakes);
    }
    document
}

/// A document on one line.
pub(crate) fn line(document: &Value) -> String {
    format!("{document}\n")
}

/// Writes a result. A reader that has seen enough, `head` for instance, is no error.
///
/// # Errors
/// The disk is full, say.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    print_unless_closed(text).map(|_| ())
}

/// Writes a result, and says whether anybody reads on: what has no end of its own ends there.
///
/// # Errors
/// The disk is full, say.
pub(crate) fn print_unless_closed(text: &str) -> anyhow::Result<bool> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.context("cannot write to stdout").map(|()| true),
    }
}

/// Writes prose for a person, on stderr.
///
/// # Errors
/// The disk is full. Nobody reading on changes nothing: what is done on AWS counts.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stderr().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stderr"),
    }
}
