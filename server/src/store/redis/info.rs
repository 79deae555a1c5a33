//! What a Redis says of itself.

use redis::{FromRedisValue, RedisResult, cmd};

use super::link::Link;

/// Replicas that keep up with the primary.
pub(super) async fn online_replicas(link: &Link) -> RedisResult<u32> {
    let info = link.ask(cmd("INFO").arg("replication")).await?;
    Ok(online_in(&String::from_redis_value(info)?))
}

/// The same, in what it says.
pub(super) fn online_in(info: &str) -> u32 {
    let lines = info.lines();
    let online = lines.filter(|line| line.starts_with("slave") && line.contains("state=online"));
    online.count() as u32
}

/// A field of it.
pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}
