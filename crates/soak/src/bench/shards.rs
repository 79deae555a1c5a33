//! The same load on one primary and on a cluster of three: what the busiest of them does for a
//! message, and so how much more three carry.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use testkit::cluster::Cluster;
use testkit::redis::Redis;
use tokio::time::sleep;

use super::load::{BUSY, Load, WARM, connect, under_load};
use super::print;
use super::sample::cpu;

pub(super) async fn run() -> anyhow::Result<()> {
    for load in [Some(500), Some(3_000), None].map(Load::at) {
        let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
        let mut single = Redis::new(directory.path());
        single.start(&["--appendonly", "yes", "--save", ""]).await?;
        let (url, single) = (single.url(), [single]);
        let one = measure(&url, &single, load).await?;
        drop(single);
        let cluster = Cluster::start(&directory.path().join("cluster"), false).await?;
        let three = measure(&cluster.url(), &cluster.servers, load).await?;
        let busiest = three.iter().copied().fold(0.0, f64::max);
        let each: Vec<_> = three.iter().map(|micros| format!("{micros:.1}")).collect();
        print(&format!(
            "{load}: {:.1} µs of CPU a message on one primary; on three {} µs: by the busiest, three carry {:.2} times \
             as much",
            one[0],
            each.join(", "),
            one[0] / busiest
        ))?;
    }
    Ok(())
}

/// Microseconds of each server's CPU for each message of all.
async fn measure(url: &str, servers: &[Redis], load: Load) -> anyhow::Result<Vec<f64>> {
    let used = || {
        let pids = servers.iter().map(Redis::pid);
        let used = pids.map(|pid| cpu(pid.context("Redis does not run")?));
        used.collect::<anyhow::Result<Vec<f64>>>()
    };
    let stores = connect(url).await?;
    let measured = async |published: &AtomicU64| {
        sleep(WARM).await;
        let (before, first) = (used()?, published.load(Ordering::Relaxed));
        sleep(BUSY).await;
        let messages = (published.load(Ordering::Relaxed) - first) as f64;
        let pairs = used()?.into_iter().zip(before);
        let each = pairs.map(|(after, before)| (after - before) * 1e6 / messages);
        Ok(each.collect())
    };
    under_load(&stores, load, measured).await
}
