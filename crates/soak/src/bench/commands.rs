//! What a message asks of Redis from its publication to its end: commands by name, and Redis's CPU.
//!
//! Every message goes to two plugins, is shown, acknowledged and retired within the measurement:
//! a message's whole life counts, and not only its first second.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;

use super::print;
use super::sample::Sample;
use crate::publisher::Load;
use crate::redis::Redis;
use crate::stage::{Cast, Stage, Transports};

const NODES: usize = 3;
/// Clients, two on each channel.
const CLIENTS: usize = 200;
/// Messages a second.
const RATES: [f64; 2] = [200.0, 3_000.0];
/// How long nothing is published, and how long it is.
const IDLE: Duration = Duration::from_secs(10);
const BUSY: Duration = Duration::from_secs(15);
/// Until as many messages end as are published.
const WARM: Duration = Duration::from_secs(5);

/// Calls of a command and the microseconds that they took, by name.
pub(super) type Stats = BTreeMap<String, (f64, f64)>;

pub(super) async fn run() -> anyhow::Result<()> {
    for rate in RATES {
        measure(rate).await?;
    }
    Ok(())
}

async fn measure(rate: f64) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    let redis = Redis::start(directory.path().join("redis")).await?;
    let cast = Cast {
        nodes: NODES,
        clients: CLIENTS,
        channels: CLIENTS / 2,
        transports: Transports::WebSocket,
        flaky: false,
        breaking: false,
        silent: false,
        server: None,
    };
    let mut stage = Stage::set(cast, &redis.url(), directory.path()).await?;
    sleep(WARM).await;
    let (before, start) = (stats(&redis).await?, Sample::take(&stage, &redis).await?);
    sleep(IDLE).await;
    let idle_sample = Sample::take(&stage, &redis).await? - start;
    let idle = since(&stats(&redis).await?, &before);
    stage.publish(Load {
        rate,
        channels: 0..CLIENTS / 2,
        ahead: Duration::ZERO,
        everyone: 0,
        // All of them end two seconds after they are due.
        brief: 1,
        poison: 0,
    });
    sleep(WARM).await;
    let (before, start) = (stats(&redis).await?, Sample::take(&stage, &redis).await?);
    sleep(BUSY).await;
    let busy_sample = Sample::take(&stage, &redis).await? - start;
    let busy = since(&stats(&redis).await?, &before);
    report(rate, (&idle, idle_sample), (&busy, busy_sample))
}

fn report(
    rate: f64,
    (idle, idle_sample): (&Stats, Sample),
    (busy, sample): (&Stats, Sample),
) -> anyhow::Result<()> {
    let messages = sample.accepted;
    let scale = BUSY.as_secs_f64() / IDLE.as_secs_f64();
    // What idle nodes ask is no message's.
    let own = |name: &str, pick: fn(&(f64, f64)) -> f64| {
        let background = idle.get(name).map_or(0.0, pick) * scale;
        (busy.get(name).map_or(0.0, pick) - background).max(0.0) / messages
    };
    let commands: f64 = busy.keys().map(|name| own(name, |stat| stat.0)).sum();
    let cpu = (sample.redis_cpu - idle_sample.redis_cpu * scale) / messages * 1e6;
    let asked: f64 = idle.values().map(|stat| stat.0).sum();
    print(&format!(
        "{rate} messages/s wanted, {:.0} accepted and {:.0} deliveries a second, {NODES} nodes: \
         {commands:.1} commands and {cpu:.0} µs of Redis's CPU per message from its publication to its end; \
         {:.0} µs of CPU of the nodes; idle: {:.1} commands/s a node",
        messages / BUSY.as_secs_f64(),
        sample.delivered / BUSY.as_secs_f64(),
        (sample.nodes_cpu - idle_sample.nodes_cpu * scale) / messages * 1e6,
        asked / IDLE.as_secs_f64() / NODES as f64,
    ))?;
    let mut lines: Vec<_> = busy
        .keys()
        .map(|name| (own(name, |stat| stat.0), own(name, |stat| stat.1), name))
        .filter(|(calls, ..)| *calls >= 0.05)
        .collect();
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (calls, micros, name) in lines {
        print(&format!("  {calls:6.2} {name:<18} {micros:6.2} µs"))?;
    }
    Ok(())
}

/// Commands so far, those inside of scripts among them.
pub(super) async fn stats(redis: &Redis) -> anyhow::Result<Stats> {
    let info = redis.info("commandstats").await?;
    let number = |value: &str, name: &str| {
        let mut fields = value.split(',');
        let found = fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        found.and_then(|number| number.parse().ok()).unwrap_or(0.0)
    };
    Ok(info
        .iter()
        .filter_map(|(name, value)| {
            let name = name.strip_prefix("cmdstat_")?;
            let stat = (number(value, "calls"), number(value, "usec"));
            Some((name.to_owned(), stat))
        })
        .collect())
}

pub(super) fn since(now: &Stats, before: &Stats) -> Stats {
    now.iter()
        .map(|(name, (calls, micros))| {
            let (old_calls, old_micros) = before.get(name).copied().unwrap_or_default();
            (name.clone(), (calls - old_calls, micros - old_micros))
        })
        .collect()
}
