//! Everything that happens to a Redis, happens to one primary of a cluster of three with a replica
//! each: killed and restarted with its data, its connections killed, hung for less and for more than
//! its replica waits, failed over as planned and by a death, full, and away with its replica.
//! While that shard is away, the channels of the others must not notice.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use testkit::cluster::{Cluster, PRIMARIES};
use tokio::time::sleep;

use super::{Size, load};
use crate::backend::channel;
use crate::event::{Ms, now};
use crate::publisher::lock;
use crate::report::Report;
use crate::stage::Stage;

/// How long the nodes may take after an outage until nothing of it is left, in ms.
const AFTER: Ms = 10_000.0;
/// How long an outage lasts at most, as far as is known when it begins, in ms.
const AT_MOST: Ms = 60_000.0;
/// How long a primary hangs: less than its replica waits, and more.
const HANGS: [u32; 2] = [1, 6];

/// The stage, with the cluster that nodes speak to.
struct Play {
    stage: Stage,
    cluster: Cluster,
    channels: usize,
    pause: Duration,
    /// How long a shard is away.
    away: Duration,
}

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let cluster = Cluster::start(&directory.join("cluster"), true).await?;
    let cast = size.cast();
    let mut stage = Stage::set(cast.clone(), &cluster.url(), directory).await?;
    stage.publish(load(&cast));
    let mut play = Play {
        stage,
        cluster,
        channels: cast.channels,
        pause: size.seconds(2, 10),
        away: size.seconds(8, 20),
    };
    for round in 0..size.pick(1, PRIMARIES) {
        // Until every channel has had a message.
        sleep(play.away).await;
        play.absence(round).await?;
        play.restart(round).await?;
        play.kill_connections(round).await?;
        for seconds in HANGS {
            play.hang(round, seconds).await?;
        }
        play.planned_failover(round).await?;
        play.death(round).await?;
        play.out_of_memory(round).await?;
    }
    play.stage.settle("cluster-outages").await
}

impl Play {
    /// Notes that an outage begins; returns when.
    fn begins(&self) -> Ms {
        let from = now();
        lock(&self.stage.tracker).outage(from, from + AT_MOST);
        from
    }

    /// Waits until the shard is whole again, notes that it was not until now, and leaves a while
    /// without trouble.
    async fn over(&mut self, shard: usize, what: &str, from: Ms) -> anyhow::Result<()> {
        self.cluster.leader(shard).await?;
        let now = now();
        lock(&self.stage.tracker).outage(from, now + AFTER);
        self.stage.mark(what, from);
        let took = (now - from) / 1e3;
        self.stage
            .remark(format!("{what}: whole again after {took:.1} s"));
        sleep(self.pause).await;
        Ok(())
    }

    /// Primary and replica are dead for a while, and back with their data.
    async fn absence(&mut self, shard: usize) -> anyhow::Result<()> {
        let leader = self.cluster.leader(shard).await?;
        let others = self.channels_of_others(shard).await?;
        let from = self.begins();
        let is_other = |number| others.contains(&number);
        let before = lock(&self.stage.tracker).lateness_between(0.0, from, is_other);
        self.cluster.servers[Cluster::other(leader)].kill().await?;
        self.cluster.servers[leader].kill().await?;
        sleep(self.away).await;
        let until = now();
        self.cluster.revive(leader).await?;
        self.cluster.revive(Cluster::other(leader)).await?;
        self.over(shard, "a shard away, primary and replica", from)
            .await?;
        let during = lock(&self.stage.tracker).lateness_between(from, until, is_other);
        // What an outage holds up comes after it: half of it is late by half of it.
        let most = before.p50 + self.away.as_secs_f64() * 1e3 / 4.0;
        if during.count == 0 || during.p50 > most {
            self.stage.fault(format!(
                "the channels of the other shards were held up: {during}"
            ));
        }
        self.stage.remark(format!(
            "lateness in {} channels of the other shards before: {before}; during it: {during}",
            others.len()
        ));
        Ok(())
    }

    /// Channels of which the other shards have a message.
    async fn channels_of_others(&self, shard: usize) -> anyhow::Result<HashSet<usize>> {
        let mut found = HashSet::new();
        for other in (0..PRIMARIES).filter(|other| *other != shard) {
            let leader = self.cluster.leader(other).await?;
            let names: Vec<String> = self.cluster.ask(leader, &["KEYS", "hf:*:load"]).await?;
            let has = |number: &usize| {
                let end = format!("/{}:load", channel(*number));
                names.iter().any(|name| name.ends_with(&end))
            };
            found.extend((0..self.channels).filter(has));
        }
        Ok(found)
    }

    async fn restart(&mut self, shard: usize) -> anyhow::Result<()> {
        let leader = self.cluster.leader(shard).await?;
        let from = self.begins();
        self.cluster.servers[leader].kill().await?;
        self.cluster.revive(leader).await?;
        let what = "a primary killed with -9 and restarted at once with its data";
        self.over(shard, what, from).await
    }

    async fn kill_connections(&mut self, shard: usize) -> anyhow::Result<()> {
        for kind in ["normal", "pubsub", "replica"] {
            let leader = self.cluster.leader(shard).await?;
            let from = self.begins();
            let kill = ["CLIENT", "KILL", "TYPE", kind];
            let _: u64 = self.cluster.ask(leader, &kill).await?;
            let what = format!("CLIENT KILL TYPE {kind}");
            self.over(shard, &what, from).await?;
        }
        Ok(())
    }

    async fn hang(&mut self, shard: usize, seconds: u32) -> anyhow::Result<()> {
        let leader = self.cluster.leader(shard).await?;
        let from = self.begins();
        let sleep = ["DEBUG", "SLEEP", &seconds.to_string()];
        let _: String = self.cluster.ask(leader, &sleep).await?;
        let what = format!("DEBUG SLEEP {seconds}");
        self.over(shard, &what, from).await
    }

    async fn planned_failover(&mut self, shard: usize) -> anyhow::Result<()> {
        let leader = self.cluster.leader(shard).await?;
        let from = self.begins();
        self.cluster.fail_over(Cluster::other(leader)).await?;
        self.over(shard, "planned failover", from).await
    }

    /// A primary dies, its replica takes over, and the dead one comes back as the new one's
    /// replica.
    async fn death(&mut self, shard: usize) -> anyhow::Result<()> {
        let leader = self.cluster.leader(shard).await?;
        let from = self.begins();
        self.cluster.servers[leader].kill().await?;
        let heir = Cluster::other(leader);
        let asked = ["INFO", "replication"];
        self.cluster.until_says(heir, &asked, "role:master").await?;
        self.cluster.revive(leader).await?;
        self.over(shard, "a primary killed with -9, its replica leads", from)
            .await
    }

    async fn out_of_memory(&mut self, shard: usize) -> anyhow::Result<()> {
        let leader = self.cluster.leader(shard).await?;
        let from = self.begins();
        for most in ["1mb", "0"] {
            let set = ["CONFIG", "SET", "maxmemory", most];
            let _: String = self.cluster.ask(leader, &set).await?;
            sleep(self.pause).await;
        }
        self.over(shard, "a primary out of memory", from).await
    }
}
