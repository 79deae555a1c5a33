//! `deployer rollback`.

use deployer::deployment::rollback;
use deployer::terminal::{Exit, Output};

use super::stack;

/// Go back to what ran before the last deployment: its template, its parameters and its image.
///
/// Every deployment carries the one that it replaced, so nothing but AWS is needed. An update that
/// is in progress is cancelled, and CloudFormation brings back what ran before.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: stack::Args,
    #[command(flatten)]
    rollback: rollback::Args,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    rollback::run(&args.rollback, &args.stack.named()?, output)
}
