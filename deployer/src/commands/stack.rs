//! What the verbs that work on a live stack share: which stack is meant, and where it is.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use deployer::aws::default_region;
use deployer::environment::{Target, find, load};

use super::environment::name_of;
use deployer::loaded_environment::{StackOptions, ignores};
use deployer::named_stack::Named;
use deployer::terminal::runtime;

/// Which stack.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("which").args(["env", "stack"]).required(true).multiple(true)))]
#[group(skip)]
pub(crate) struct Args {
    /// The environment: a name in the directory of environments, or a path.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The directory of environment files.
    #[arg(long, value_name = "DIR", default_value = "environments")]
    environments: PathBuf,
    /// The stack, where its name is not the environment's; alone, a stack without an environment
    /// file.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// The region, for a stack without --env; AWS_REGION or the profile's unless given.
    #[arg(long, conflicts_with = "env")]
    region: Option<String>,
}

impl Args {
    /// An environment's stack, as if it had been named on the command line.
    pub(super) fn of_environment(env: &str, environments: &Path) -> Self {
        Self {
            env: Some(env.to_owned()),
            environments: environments.to_owned(),
            stack: None,
            region: None,
        }
    }

    /// The environment as it was named; empty where a stack is.
    pub(crate) fn env(&self) -> &str {
        self.env.as_deref().unwrap_or_default()
    }

    /// Whether it is an environment of this machine.
    ///
    /// # Errors
    /// Every mistake in the environment file.
    pub(crate) fn is_local(&self) -> anyhow::Result<bool> {
        let Some(env) = &self.env else {
            return Ok(false);
        };
        let environment = load(&find(env, &self.environments)?, |_| ())?;
        Ok(environment.target.value == Target::Local)
    }

    /// Reads the environment file, if one is named.
    ///
    /// # Errors
    /// Every mistake in it; or it is one of this machine, where there is no stack.
    pub(crate) fn named(&self) -> anyhow::Result<Named> {
        let Some(env) = &self.env else {
            return Ok(Named {
                environment: None,
                name: self
                    .stack
                    .clone()
                    .context("say which stack: --env or --stack")?,
                region: Some(region(self.region.clone())?),
                ignores: Vec::new(),
                options: StackOptions::default(),
            });
        };
        let path = find(env, &self.environments)?;
        let environment = load(&path, |_| ())?;
        let name = name_of(&path)?;
        if environment.target.value == Target::Local {
            bail!(
                "this environment's target is local: `deployer up --env {env}` runs it until \
                 Ctrl-C. This verb is for stacks on AWS"
            );
        }
        let (prefix, service) = (&environment.prefix.value.0, &environment.name.value.0);
        Ok(Named {
            name: self
                .stack
                .clone()
                .unwrap_or_else(|| format!("{prefix}-{service}-{name}")),
            region: Some(environment.region.value.0.clone()),
            environment: Some(env.clone()),
            ignores: ignores(&environment),
            options: StackOptions::of(&environment),
        })
    }
}

/// The region of a stack: the one that is given, or else the one that the AWS command line would
/// take.
///
/// # Errors
/// There is none: the SDK would only say so in words of its own, after its first call.
pub(super) fn region(given: Option<String>) -> anyhow::Result<String> {
    match given {
        Some(region) => Ok(region),
        None => runtime()?
            .block_on(default_region())
            .context("no region is set: give --region or set AWS_REGION"),
    }
}
