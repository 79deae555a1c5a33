//! The command line as it was typed, and how errors are shown.
//!
//! To add a verb: a file in `commands/` with `Args` and `run`, a variant of [`Verb`], a line in
//! [`Verb::run`].

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cloudformation::diagnostic::{Mistake, Mistakes};
use deployer::terminal::{Ended, Exit, Output, colour, error_document, line, print};

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
    Redeploy(commands::redeploy::Args),
    Keys(commands::keys::Args),
    Down(commands::down::Args),
    Local(commands::local::Args),
    Probe(commands::probe::Args),
    Listen(commands::listen::Args),
    Send(commands::send::Args),
    Why(commands::why::Args),
    Console(commands::console::Args),
    Completions(commands::completions::Args),
    #[command(hide = true)]
    Supervised(commands::supervised::Args),
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
            Self::Redeploy(args) => commands::redeploy::run(args, output),
            Self::Keys(args) => commands::keys::run(args, output),
            Self::Down(args) => commands::down::run(args, output),
            Self::Local(args) => commands::local::run(args, output),
            Self::Probe(args) => commands::probe::run(args, output),
            Self::Listen(args) => commands::listen::run(args, output),
            Self::Send(args) => commands::send::run(args, output),
            Self::Why(args) => commands::why::run(args, output),
            Self::Console(args) => commands::console::run(args, output),
            Self::Completions(args) => commands::completions::run::<Cli>(args),
            Self::Supervised(args) => commands::supervised::run(args),
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
        // Help and version are no errors; clap knows which stream each goes to, and its codes are 0
        // and 2.
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
