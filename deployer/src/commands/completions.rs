//! `deployer completions`: the script that lets a shell complete the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use deployer::terminal::{Exit, print};

/// Write a completion script for a shell.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run<Cli: CommandFactory>(args: &Args) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "deployer", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Well)
}
