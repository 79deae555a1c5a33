//! `deployer up`.

use anyhow::bail;
use deployer::terminal::{Exit, Output};
use deployer::{deployment, local};

use super::environment;

/// Deploy onto AWS: check, plan, confirm, apply, watch, check what is live, probe. With `--env
/// local`, run the rendered template on this machine until Ctrl-C.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    environment: environment::Args,
    #[command(flatten)]
    local: local::run::Args,
    #[command(flatten)]
    aws: deployment::Args,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let loaded = args.environment.load()?;
    if loaded.local == Some(true) {
        if let Some(flag) = args.aws.about_a_stack() {
            bail!("`{flag}` is for a stack on AWS, and this environment's target is local");
        }
        local::run::run(&args.local, &loaded, output)
    } else {
        deployment::run(&args.aws, &loaded, output)
    }
}
