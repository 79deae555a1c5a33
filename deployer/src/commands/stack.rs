//! What the verbs that work on a live stack share: which stack is meant, and where it is.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use deployer::aws::default_region;
use deployer::environment::{Target, find, load};
use deployer::report::Ignore;

use super::environment::{ignores, name_of};
use super::signal::runtime;

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
    /// The stack, where its name is not the environment's; alone, a stack without an environment file.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// The region, for a stack without --env; AWS_REGION or the profile's unless given.
    #[arg(long, conflicts_with = "env")]
    region: Option<String>,
}

/// A stack by name.
pub(crate) struct Named {
    /// The environment as it was named, where there is one.
    pub(crate) environment: Option<String>,
    /// The stack's name.
    pub(crate) name: String,
    /// Its region.
    pub(crate) region: Option<String>,
    /// The rules that the environment passes over.
    pub(crate) ignores: Vec<Ignore>,
}

impl Named {
    /// How it is named on the command line.
    pub(crate) fn flag(&self) -> String {
        match &self.environment {
            Some(environment) => format!("--env {environment}"),
            None => format!("--stack {}", self.name),
        }
    }

    /// What to say where there is no such stack, and it is needed.
    pub(crate) fn absent(&self) -> String {
        let hint = match &self.environment {
            Some(environment) => format!("`deployer up --env {environment}` makes it"),
            None => "`aws cloudformation list-stacks` shows those that there are".to_owned(),
        };
        format!("{}; {hint}", self.is_absent())
    }

    /// That there is no such stack.
    pub(crate) fn is_absent(&self) -> String {
        let region = self.region.as_ref();
        let place = region.map_or_else(String::new, |region| format!(" in {region}"));
        format!("there is no stack `{}`{place} in this account", self.name)
    }
}

impl Args {
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
            });
        };
        let path = find(env, &self.environments)?;
        let environment = load(&path, |_| ())?;
        let name = name_of(&path)?;
        if environment.target.value == Target::Local {
            bail!(
                "this environment's target is this machine, where `deployer up --env {env}` runs until Ctrl-C; this verb is for stacks on AWS"
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
        })
    }
}

/// The region of a stack: the one that is given, or else the one that the AWS command line would take.
///
/// # Errors
/// There is none: the SDK would only say so in words of its own, after its first call.
pub(super) fn region(given: Option<String>) -> anyhow::Result<String> {
    match given {
        Some(region) => Ok(region),
        None => runtime()?
            .block_on(default_region())
            .context("no region is known: name it with --region, or set AWS_REGION"),
    }
}
