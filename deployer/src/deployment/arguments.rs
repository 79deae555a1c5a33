//! Arguments as they are typed, and what they mean.

use std::path::PathBuf;
use std::time::Duration;

use crate::environment::RoleArn;

/// How a deployment is carried out, onwards or back.
#[derive(clap::Args)]
#[group(skip)]
pub struct Options {
    /// Do not ask before anything is changed.
    #[arg(long)]
    pub yes: bool,
    /// How long to watch; the deployment goes on after that.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = watching)]
    pub timeout: Duration,
    /// End the deployment, and undo it, once this many of its tasks have failed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) abort_on_task_failures: Option<u32>,
    /// Do not open real sessions through the load balancer in the end.
    #[arg(long)]
    pub(super) no_probe: bool,
    /// Where the backends' interface is reached from here, through a tunnel for instance; the stack's
    /// own output unless given.
    #[arg(long, value_name = "URL")]
    pub(super) api_url: Option<String>,
    /// The role with which CloudFormation works, instead of the environment file's `role_arn`.
    #[arg(long, value_name = "ARN", value_parser = role)]
    pub(super) role_arn: Option<String>,
    /// A file with a backend key for the probe; the stack's own secret is read unless given.
    #[arg(long, value_name = "FILE")]
    pub backend_key_file: Option<PathBuf>,
}

/// A role, as it is typed.
///
/// # Errors
/// It is no ARN of a role.
pub fn role(text: &str) -> Result<String, String> {
    match RoleArn::parse(text) {
        Some(role) => Ok(role.0),
        None => Err(format!("expected {}", RoleArn::EXPECTED)),
    }
}

/// The longest that anybody watches: what AWS does takes hours at most.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long to watch, as it is typed.
///
/// # Errors
/// It is no duration, or beyond 30 days.
pub(crate) fn watching(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration > LONGEST {
        return Err("30d at most".to_owned());
    }
    Ok(duration)
}
