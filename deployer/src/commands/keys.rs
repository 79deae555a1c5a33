//! `deployer keys`.

use anyhow::bail;
use clap::Subcommand;
use deployer::rotation;
use deployer::terminal::{Exit, Output};

use super::stack;

/// The keys with which backends call the server: which there are, and their rotation.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show each key's name, how it begins and what it may do.
    List {
        #[command(flatten)]
        stack: stack::Args,
        /// The local stack's URL, where several run.
        #[arg(long)]
        url: Option<String>,
    },
    /// Add a successor of a key; then, with --finish, take the old one out. Both are valid in
    /// between, so that no backend is refused.
    ///
    /// On AWS the stack's secret changes, and fresh tasks read it, watched as `up` is. In the local
    /// stack, nodes read their keys again without a restart.
    Rotate {
        #[command(flatten)]
        stack: Box<stack::Args>,
        /// The local stack's URL, where several run.
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        rotation: rotation::Args,
    },
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::List { stack, url } if stack.is_local()? => {
            rotation::list_local(url.as_deref(), output)
        }
        Verb::List { stack, url } => {
            refuse(url.as_deref())?;
            rotation::list(&stack.named()?, output)
        }
        Verb::Rotate {
            stack,
            url,
            rotation,
        } if stack.is_local()? => {
            rotation::rotate_local(rotation, (stack.env(), url.as_deref()), output)
        }
        Verb::Rotate {
            stack,
            url,
            rotation,
        } => {
            refuse(url.as_deref())?;
            rotation::rotate(rotation, &stack.named()?, output)
        }
    }
}

/// Refuses the URL of a local stack where a stack on AWS is meant.
fn refuse(url: Option<&str>) -> anyhow::Result<()> {
    match url {
        Some(_) => bail!("`--url` is for a local stack, and this one is on AWS"),
        None => Ok(()),
    }
}
