//! `deployer down`.

use deployer::teardown;
use deployer::terminal::{Exit, Output};

use super::stack;

/// Remove the stack, and everything that it holds, from AWS.
///
/// Shows what goes and asks for the stack's name, unless --yes. A protected stack is left alone
/// unless --unprotect.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: stack::Args,
    #[command(flatten)]
    teardown: teardown::Args,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    teardown::run(&args.teardown, &args.stack.named()?, output)
}
