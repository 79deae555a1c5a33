//! Waiting for AWS where nothing else tells that somebody waits.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use super::output::say;

/// The longest that nothing is said: pipelines kill what is silent.
const SILENCE: Duration = Duration::from_secs(25);

/// Waits for what asks AWS, and says so now and then.
pub async fn say_waiting<T>(asking: impl Future<Output = T>) -> T {
    let mut asking = pin!(asking);
    loop {
        tokio::select! {
            answer = &mut asking => return answer,
            // Who does not listen still gets the answer.
            () = sleep(SILENCE) => drop(say("still waiting for AWS to answer")),
        }
    }
}
