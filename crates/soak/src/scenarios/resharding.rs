//! A cluster of three primaries with a replica each: slots move to and fro under load, a primary is
//! killed and replaced, and its replacement hands over to it again.

use std::path::Path;
use std::time::Duration;

use testkit::cluster::{Cluster, PRIMARIES};
use tokio::time::sleep;

use super::{Size, load};
use crate::event::{Ms, now};
use crate::publisher::lock;
use crate::report::Report;
use crate::spread::Spread;
use crate::stage::Stage;

/// How long the nodes may take after an outage until nothing of it is left, in ms.
const AFTER: Ms = 10_000.0;

/// The stage, with the cluster that nodes speak to.
struct Play {
    stage: Stage,
    cluster: Cluster,
    pause: Duration,
}

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let cluster = Cluster::start(&directory.join("cluster"), true).await?;
    let cast = size.cast();
    let mut stage = Stage::set(cast.clone(), &cluster.url(), directory).await?;
    stage.publish(load(&cast));
    let mut play = Play {
        stage,
        cluster,
        pause: size.seconds(2, 10),
    };
    sleep(play.pause).await;
    for _ in 0..size.pick(1, 3) {
        play.slots_move().await?;
        play.death_of_a_primary().await?;
        play.planned_failover().await?;
    }
    play.stage.settle("resharding").await
}

impl Play {
    fn mark(&mut self, what: &str, from: Ms) {
        lock(&self.stage.tracker).outage(from, now() + AFTER);
        self.stage.mark(what, from);
    }

    /// Every slot that is in use moves on to the next primary, and back.
    async fn slots_move(&mut self) -> anyhow::Result<()> {
        let mut slots = Vec::new();
        let mut leaders = Vec::new();
        for shard in 0..PRIMARIES {
            let leader = self.cluster.leader(shard).await?;
            leaders.push(leader);
            let command = ["KEYS", "hf:*:epoch"];
            let names: Vec<String> = self.cluster.ask(leader, &command).await?;
            for name in names {
                let command = ["CLUSTER", "KEYSLOT", &name];
                slots.push((shard, self.cluster.ask(leader, &command).await?));
            }
        }
        let mut took = Vec::new();
        for (shard, slot) in &slots {
            let next = (shard + 1) % PRIMARIES;
            for (from, to) in [(*shard, next), (next, *shard)] {
                let begin = now();
                let (from, to) = (leaders[from], leaders[to]);
                self.cluster.move_slot(*slot, from, to).await?;
                took.push(now() - begin);
                self.mark("a slot moves", begin);
            }
        }
        let number = slots.len();
        let took = Spread::of(took);
        self.stage.remark(format!(
            "{number} slots in use moved to another primary and back, each within: {took}"
        ));
        sleep(self.pause).await;
        Ok(())
    }

    /// A primary dies, its replica takes over, and the dead one comes back as the new one's
    /// replica.
    async fn death_of_a_primary(&mut self) -> anyhow::Result<()> {
        let dead = self.cluster.leader(0).await?;
        let heir = Cluster::other(dead);
        let from = now();
        self.cluster.servers[dead].kill().await?;
        self.until_leads(heir).await?;
        let took = (now() - from) / 1e3;
        self.mark("a primary dies", from);
        self.stage.remark(format!(
            "a primary killed with -9: its replica leads after {took:.1} s"
        ));
        sleep(self.pause).await;
        Ok(self.cluster.revive(dead).await?)
    }

    async fn planned_failover(&mut self) -> anyhow::Result<()> {
        let heir = Cluster::other(self.cluster.leader(0).await?);
        let from = now();
        self.cluster.fail_over(heir).await?;
        self.until_leads(heir).await?;
        let took = (now() - from) / 1e3;
        self.mark("planned failover", from);
        self.stage.remark(format!("planned failover: {took:.1} s"));
        sleep(self.pause).await;
        Ok(())
    }

    async fn until_leads(&self, heir: usize) -> anyhow::Result<()> {
        let asked = ["INFO", "replication"];
        self.cluster.until_says(heir, &asked, "role:master").await?;
        let ok = "cluster_state:ok";
        Ok(self
            .cluster
            .until_says(heir, &["CLUSTER", "INFO"], ok)
            .await?)
    }
}
