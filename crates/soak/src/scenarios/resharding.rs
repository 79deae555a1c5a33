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
    /// Which server leads, of each primary and its replica.
    leaders: [usize; PRIMARIES],
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
        leaders: [0, 1, 2],
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
        for (shard, leader) in self.leaders.into_iter().enumerate() {
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
                let (from, to) = (self.leaders[from], self.leaders[to]);
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
        let (dead, heir) = (self.leaders[0], self.heir(0));
        let from = now();
        self.cluster.servers[dead].kill().await?;
        self.until_leads(heir).await?;
        self.leaders[0] = heir;
        let took = (now() - from) / 1e3;
        self.mark("a primary dies", from);
        self.stage.remark(format!(
            "a primary killed with -9: its replica leads after {took:.1} s"
        ));
        sleep(self.pause).await;
        self.cluster.revive(dead).await?;
        let up = "master_link_status:up";
        let asked = ["INFO", "replication"];
        self.cluster.until_says(dead, &asked, up).await?;
        Ok(())
    }

    async fn planned_failover(&mut self) -> anyhow::Result<()> {
        let heir = self.heir(0);
        let from = now();
        self.cluster.fail_over(heir).await?;
        self.until_leads(heir).await?;
        self.leaders[0] = heir;
        let took = (now() - from) / 1e3;
        self.mark("planned failover", from);
        self.stage.remark(format!("planned failover: {took:.1} s"));
        sleep(self.pause).await;
        Ok(())
    }

    /// The replica of a shard's leader.
    fn heir(&self, shard: usize) -> usize {
        match self.leaders[shard] {
            leader if leader == shard => shard + PRIMARIES,
            _ => shard,
        }
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
