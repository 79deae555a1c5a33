//! Once a second: says that this node lives, asks which keys were revoked, and of each primary
//! whether data has gone, how many replicas there are, how full it is and whether it would drop
//! messages.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use redis::cmd;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Shared;
use super::info::{field, online_in};
use super::link::{PATIENCE, unavailable};
use super::primary::Primary;
use crate::clock::Millis;
use crate::store::{Announcement, Part, Result};

/// From one pulse to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a node counts as alive after its last pulse.
pub(super) const LEASE: Duration = Duration::from_secs(4);
/// How long a node's last beat is kept, in milliseconds.
const BEATS_KEPT: i64 = 86_400_000;
/// Pulses until every part of a cluster has heard that this node's sockets are there.
const LEASE_TURNS: usize = 2;
/// Pulses until every part of a cluster was asked which of its keys were revoked. They are
/// announced, too.
const TURNS: usize = 6;
/// How long ago a revocation may have been announced that is asked for again, in milliseconds:
/// clocks of a failover's two sides differ.
const OVERLAP: i64 = 10_000;

/// Beats for ever.
pub(super) async fn beat(shared: Arc<Shared>) {
    let mut tick = interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since = vec![None; shared.parts.len()];
    for round in 0.. {
        tick.tick().await;
        match timeout(PATIENCE, shared.now()).await {
            Ok(Ok(now)) => once(&shared, now, &mut since, round).await,
            Ok(Err(error)) => tracing::debug!(%error, "no pulse"),
            Err(_) => tracing::debug!("no heartbeat within {PATIENCE:?}"),
        }
    }
}

/// What one of these does not answer does not hold up the others for longer than `PATIENCE`.
async fn once(shared: &Shared, now: Millis, since: &mut [Option<Millis>], round: usize) {
    let primaries = shared.primaries.all();
    let pulses = primaries
        .iter()
        .map(|primary| bounded(of_primary(shared, primary, now)));
    let parts = shared.primaries.layout.parts();
    let is_turn =
        |part: Part, turns| part.index() % turns == round % turns || shared.parts.len() == 1;
    let presence = parts.iter().filter(|part| is_turn(*part, LEASE_TURNS));
    let presence = presence.map(|part| bounded(shared.renew_presence(part, now)));
    let revoked = parts.iter().filter(|part| is_turn(*part, TURNS));
    let revoked = revoked.map(|part| {
        let since = since[part.index()].unwrap_or(now);
        async move { (part, bounded(ask_revoked(shared, part, since)).await) }
    });
    let (_, _, revoked) = tokio::join!(join_all(pulses), join_all(presence), join_all(revoked));
    for (part, answered) in revoked {
        if answered {
            since[part.index()] = Some(now);
        }
    }
}

/// Returns whether it was done.
async fn bounded(pulse: impl Future<Output = Result<()>>) -> bool {
    match timeout(PATIENCE, pulse).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tracing::debug!(%error, "no pulse"),
        Err(_) => tracing::debug!("no heartbeat within {PATIENCE:?}"),
    }
    false
}

/// How full a primary is and whether it has lost data; of its parts one is watched.
async fn of_primary(shared: &Shared, primary: &Primary, now: Millis) -> Result<()> {
    measure(primary).await?;
    let parts = primary.parts();
    let Some(watched) = parts.iter().next() else {
        return Ok(());
    };
    if !shared.look_at_epochs(primary, watched.into()).await? {
        let mut beat = cmd("SET");
        beat.arg(shared.primaries.layout.beat(watched, &shared.instance))
            .arg(now.0)
            .arg("PX")
            .arg(BEATS_KEPT);
        shared.primaries.ask(watched, &beat).await?;
        shared.part(watched).beat.store(now.0, Ordering::Relaxed);
        for part in parts.without(watched.into()).iter() {
            shared.part(part).beat.store(0, Ordering::Relaxed);
        }
    }
    Ok(())
}

async fn ask_revoked(shared: &Shared, part: Part, since: Millis) -> Result<()> {
    let mut command = cmd("ZRANGEBYSCORE");
    command
        .arg(&*shared.primaries.layout.keys(part).revoked)
        .arg(since.0 - OVERLAP)
        .arg("+inf");
    let revoked: Vec<String> = super::read(shared.primaries.ask(part, &command).await?)?;
    for key in revoked {
        let key: Arc<str> = key.into();
        shared.known_keys().revoke(key.clone());
        shared.announce(Announcement::Revoked(key));
    }
    Ok(())
}

/// How many replicas there are, and how much of its memory Redis has used.
async fn measure(primary: &Primary) -> Result<()> {
    let mut both = cmd("INFO");
    both.arg("replication").arg("memory");
    let answer = primary.calls.ask(&both).await;
    let info: String = super::read(answer.map_err(|error| unavailable(&error))?)?;
    let replicas = &primary.writer.replicas;
    replicas.store(online_in(&info), Ordering::Relaxed);
    let number = |name| field(&info, name).and_then(|value| value.parse::<u64>().ok());
    let (used, most) = (number("used_memory"), number("maxmemory"));
    let percent = match (used, most) {
        (Some(used), Some(most @ 1..)) => used.saturating_mul(100) / most,
        _ => 0,
    };
    primary.memory.percent.store(percent, Ordering::Relaxed);
    look_at_policy(primary, &info);
    Ok(())
}

/// Says when Redis begins, or ceases, to drop messages when its memory is full.
fn look_at_policy(primary: &Primary, memory: &str) {
    let policy = field(memory, "maxmemory_policy").filter(|policy| *policy != "noeviction");
    let drops = &primary.memory.drops;
    if policy.is_some() == drops.swap(policy.is_some(), Ordering::Relaxed) {
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
