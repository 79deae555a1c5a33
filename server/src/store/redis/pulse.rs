//! Once a second: says that this node lives, asks which keys were revoked, whether data has gone,
//! how many replicas there are, how full the store is and whether it would drop
//! messages.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::cmd;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::link::{Link, PATIENCE};
use super::{Shared, names};
use crate::clock::Millis;
use crate::store::{Announcement, Result};

/// From one pulse to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a node counts as alive after its last pulse.
pub(super) const LEASE: Duration = Duration::from_secs(4);
/// How long a node's last beat is kept, in milliseconds.
const BEATS_KEPT: i64 = 86_400_000;
/// How long ago a revocation may have been announced that is asked for again, in milliseconds:
/// clocks of a failover's two sides differ.
const OVERLAP: i64 = 10_000;

/// Beats for ever.
pub(super) async fn beat(shared: Arc<Shared>) {
    let mut tick = interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since = None;
    loop {
        tick.tick().await;
        match timeout(PATIENCE, once(&shared, since)).await {
            Ok(Ok(now)) => since = Some(now),
            Ok(Err(error)) => tracing::debug!(%error, "no pulse"),
            Err(_) => tracing::debug!("no heartbeat within {PATIENCE:?}"),
        }
    }
}

/// Returns the store's time.
async fn once(shared: &Shared, since: Option<Millis>) -> Result<Millis> {
    let now = shared.now().await?;
    shared.renew_presence(now).await?;
    for key in revoked(&shared.calls, since.unwrap_or(now)).await? {
        let key: Arc<str> = key.into();
        shared.known_keys().revoke(key.clone());
        shared.announce(Announcement::Revoked(key));
    }
    measure(shared).await?;
    if !shared.look_at_epoch().await? {
        let mut beat = cmd("SET");
        beat.arg(names::beat(&shared.instance))
            .arg(now.0)
            .arg("PX")
            .arg(BEATS_KEPT);
        shared.calls.ask(&beat).await?;
        shared.beat.store(now.0, Ordering::Relaxed);
    }
    Ok(now)
}

async fn revoked(link: &Link, since: Millis) -> Result<Vec<String>> {
    let mut command = cmd("ZRANGEBYSCORE");
    command
        .arg(names::REVOKED)
        .arg(since.0 - OVERLAP)
        .arg("+inf");
    super::read(link.ask(&command).await?)
}

/// How many replicas there are, and how much of its memory Redis has used.
async fn measure(shared: &Shared) -> Result<()> {
    let mut both = cmd("INFO");
    both.arg("replication").arg("memory");
    let info: String = super::read(shared.calls.ask(&both).await?)?;
    let replicas = &shared.writer.replicas;
    replicas.store(online_in(&info), Ordering::Relaxed);
    let number = |name| field(&info, name).and_then(|value| value.parse::<u64>().ok());
    let (used, most) = (number("used_memory"), number("maxmemory"));
    let percent = match (used, most) {
        (Some(used), Some(most @ 1..)) => used.saturating_mul(100) / most,
        _ => 0,
    };
    shared.full_percent.store(percent, Ordering::Relaxed);
    look_at_policy(shared, &info);
    Ok(())
}

/// Says when Redis begins, or ceases, to drop messages when its memory is full.
fn look_at_policy(shared: &Shared, memory: &str) {
    let policy = field(memory, "maxmemory_policy").filter(|policy| *policy != "noeviction");
    if policy.is_some() == shared.drops.swap(policy.is_some(), Ordering::Relaxed) {
        return;
    }
    match policy {
        Some(policy) => tracing::error!(
            policy,
            "Redis drops messages when its memory is full: set maxmemory-policy to noeviction"
        ),
        None => tracing::info!("Redis's maxmemory-policy is noeviction again"),
    }
}

/// Replicas that keep up with the primary.
pub(super) async fn online_replicas(link: &Link) -> Result<u32> {
    let info: String = super::read(link.ask(cmd("INFO").arg("replication")).await?)?;
    Ok(online_in(&info))
}

fn online_in(info: &str) -> u32 {
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
