//! The tasks of this repository: `cargo run -p xtask -- docs`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// The tasks of this repository that need more than a line of a Makefile.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write the generated pages of the documentation.
    Docs {
        /// Write nothing. Fail where a page differs, a link is broken or a log message is unknown.
        #[arg(long)]
        check: bool,
        /// The deployer whose help and findings the pages show; the one beside this program
        /// unless given.
        #[arg(long, value_name = "FILE")]
        deployer: Option<PathBuf>,
    },
}

fn main() -> anyhow::Result<()> {
    let Task::Docs { check, deployer } = Cli::parse().task;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("the crate lies two directories below the repository")?;
    let deployer = match deployer {
        Some(given) => given,
        None => std::env::current_exe()?.with_file_name("deployer"),
    };
    if !check {
        return xtask::docs::write(root, &deployer);
    }
    let mut mistakes = xtask::docs::check(root, &deployer)?;
    mistakes.extend(xtask::links::check(root)?);
    mistakes.extend(xtask::log_lines::check(root)?);
    mistakes.extend(xtask::runbook::check(root)?);
    anyhow::ensure!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    Ok(())
}
