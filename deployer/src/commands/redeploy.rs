//! `deployer redeploy`.

use deployer::redeploy;
use deployer::terminal::{Exit, Output};

use super::{local, stack};

/// Replace all tasks by fresh ones of the same revision: for a secret that was rotated, or a task
/// that is stuck. The stack stays as it is.
///
/// It is refused while another deployment runs, and watched as `up` is. With `--env local`, it
/// replaces the nodes of the running local stack one by one.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: stack::Args,
    #[command(flatten)]
    redeploy: redeploy::Args,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    if args.stack.is_local()? {
        return local::run(&local::Args::deploy(args.redeploy.timeout), output);
    }
    redeploy::run(&args.redeploy, &args.stack.named()?, output)
}
