//! `deployer supervised`: becomes another program that dies with the deployer. Not for people.

use std::path::PathBuf;

use deployer::local::process::exec_dying_with_parent;

use deployer::terminal::Exit;

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
    let error = exec_dying_with_parent(args.parent, &args.program, &args.arguments);
    Err(anyhow::Error::new(error).context(format!("cannot run {}", args.program.display())))
}
