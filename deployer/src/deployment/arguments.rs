//! Arguments as they are typed, and what they mean.

use std::time::Duration;

use crate::environment::RoleArn;

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
