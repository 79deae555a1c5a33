//! Everything that happens to a Redis, one after the other under one load: killed and restarted
//! with its data, its connections killed, hung, failed over as planned and by a death, and full.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::{Size, load};
use crate::endpoint::Endpoint;
use crate::event::{Ms, now};
use crate::publisher::lock;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::Stage;

/// How long the nodes may take after an outage until nothing of it is left, in ms.
const AFTER: Ms = 10_000.0;

/// The stage, with the Redis that nodes speak to by way of the endpoint, and its replica.
struct Play {
    stage: Stage,
    endpoint: Endpoint,
    primary: Redis,
    replica: Redis,
    pause: Duration,
}

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let primary = Redis::start(directory.join("redis-1")).await?;
    let replica = primary.replica(directory.join("redis-2")).await?;
    let endpoint = Endpoint::start(primary.address).await?;
    let cast = size.cast();
    let url = format!("redis://{}", endpoint.address);
    let mut stage = Stage::set(cast.clone(), &url, directory).await?;
    stage.publish(load(&cast));
    let mut play = Play {
        stage,
        endpoint,
        primary,
        replica,
        pause: size.seconds(3, 10),
    };
    for _ in 0..size.pick(1, 3) {
        play.restart().await?;
        play.kill_connections().await?;
        play.hang(size.pick(2, 5)).await?;
        play.planned_failover().await?;
        play.death_of_the_primary().await?;
        play.out_of_memory().await?;
    }
    play.stage.settle("outages").await
}

impl Play {
    /// Notes that Redis was away until now, and leaves a while without trouble.
    async fn over(&mut self, what: &str, from: Ms) {
        let now = now();
        lock(&self.stage.tracker).outage(from, now + AFTER);
        // Without the number of connections: it is the same fault.
        self.stage
            .mark(what.split(',').next().unwrap_or(what), from);
        self.stage
            .remark(format!("{what}: {:.1} s", (now - from) / 1e3));
        sleep(self.pause).await;
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        let from = now();
        self.primary.kill().await?;
        sleep(Duration::from_secs(1)).await;
        self.primary.restart().await?;
        self.replica.in_sync().await?;
        self.over("Redis killed with -9 and restarted with its data", from)
            .await;
        Ok(())
    }

    async fn kill_connections(&mut self) -> anyhow::Result<()> {
        for kind in ["normal", "pubsub", "replica", "master"] {
            let from = now();
            let killed = self
                .primary
                .command(&["CLIENT", "KILL", "TYPE", kind])
                .await?;
            self.over(
                &format!("CLIENT KILL TYPE {kind}, {killed} connections"),
                from,
            )
            .await;
        }
        Ok(())
    }

    async fn hang(&mut self, seconds: u32) -> anyhow::Result<()> {
        let from = now();
        let seconds = seconds.to_string();
        self.primary.command(&["DEBUG", "SLEEP", &seconds]).await?;
        self.over("DEBUG SLEEP", from).await;
        Ok(())
    }

    /// The primary hands over to its replica, as in maintenance: it lives on, and refuses writes.
    async fn planned_failover(&mut self) -> anyhow::Result<()> {
        let from = now();
        self.primary.command(&["FAILOVER"]).await?;
        self.primary.until_role("slave").await?;
        self.endpoint.point_to(self.replica.address);
        self.primary.follow(self.replica.address);
        std::mem::swap(&mut self.primary, &mut self.replica);
        self.primary.lead();
        self.replica.in_sync().await?;
        self.over("planned failover", from).await;
        Ok(())
    }

    /// The primary dies, its replica is promoted, and the dead one comes back as the new one's
    /// replica.
    async fn death_of_the_primary(&mut self) -> anyhow::Result<()> {
        let from = now();
        self.primary.kill().await?;
        sleep(Duration::from_secs(1)).await;
        self.replica.command(&["REPLICAOF", "NO", "ONE"]).await?;
        self.endpoint.point_to(self.replica.address);
        self.primary.follow(self.replica.address);
        std::mem::swap(&mut self.primary, &mut self.replica);
        self.primary.lead();
        self.over("primary killed with -9, replica promoted", from)
            .await;
        let from = now();
        self.replica.restart().await?;
        self.replica.in_sync().await?;
        self.over("the dead one back as a replica", from).await;
        Ok(())
    }

    async fn out_of_memory(&mut self) -> anyhow::Result<()> {
        let from = now();
        self.primary
            .command(&["CONFIG", "SET", "maxmemory", "1mb"])
            .await?;
        sleep(self.pause).await;
        self.primary
            .command(&["CONFIG", "SET", "maxmemory", "0"])
            .await?;
        self.over("out of memory", from).await;
        Ok(())
    }
}
