//! How late a message has come, as `listen` and the console show it.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use socketio_client::Address;

/// Milliseconds after its moment. On this machine by the clock at arrival; else by the server's own
/// clock when it was sent (`expires_at` less `expires_in`), which does not need this machine's to
/// be right. None where the message does not say.
#[must_use]
pub fn late(message: &Value, address: &Address) -> Option<f64> {
    let time = |name: &str| humantime::parse_rfc3339(message.get(name)?.as_str()?).ok();
    let now = if address.is_local() {
        SystemTime::now()
    } else {
        time("expires_at")? - Duration::from_millis(message.get("expires_in")?.as_u64()?)
    };
    let millis = match now.duration_since(time("deliver_at")?) {
        Ok(late) => late.as_secs_f64() * 1000.0,
        Err(early) => -early.duration().as_secs_f64() * 1000.0,
    };
    Some((millis * 10.0).round() / 10.0)
}
