//! `deployer leash`: becomes another program that dies with the deployer. Not for people.

use std::path::PathBuf;

use deployer::local::process::on_leash;

use crate::cli::Exit;

/// Become a program that is killed when the deployer dies.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The deployer's process id.
    parent: u32,
    /// The program.
    program: PathBuf,
    /// Its arguments.
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let error = on_leash(args.parent, &args.program, &args.arguments);
    Err(anyhow::Error::new(error).context(format!("cannot run {}", args.program.display())))
}
