//! Waiting for AWS where nothing else tells that somebody waits.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::cli::say;

/// The longest that nothing is said: pipelines kill what is silent.
const SILENCE: Duration = Duration::from_secs(25);

/// Waits for what asks AWS, and says so now and then.
pub(crate) async fn aloud<T>(asking: impl Future<Output = T>) -> T {
    let mut asking = pin!(asking);
    loop {
        tokio::select! {
            answer = &mut asking => return answer,
            // Who does not listen still gets the answer.
            () = sleep(SILENCE) => drop(say("still waiting for AWS to answer")),
        }
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
