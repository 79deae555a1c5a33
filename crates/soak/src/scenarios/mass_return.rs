//! All nodes are killed at once; every client comes back as soon as there is a node, and gets what
//! fell due meanwhile.

use std::path::Path;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::{Size, load};
use crate::event::now;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::{Cast, Stage};

/// How long the last client may take once all nodes are there.
const BACK: Duration = Duration::from_secs(60);

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let redis = Redis::start(directory.join("redis")).await?;
    let clients = size.pick(400, 5_000);
    let cast = Cast {
        clients,
        channels: clients / 5,
        ..size.cast()
    };
    let mut stage = Stage::set(cast.clone(), &redis.url(), directory).await?;
    stage.publish(load(&cast));
    // Until there is something to fall due while nobody is there.
    sleep(load(&cast).ahead).await;
    let (killed, cut) = (Instant::now(), now());
    let nodes = stage.stack.healthy();
    try_join_all(nodes.iter().map(|node| stage.stack.kill(node))).await?;
    stage.stack.until_healthy(cast.nodes).await?;
    let there = killed.elapsed();
    stage.mark(
        "all nodes are killed at once, until they are healthy again",
        cut,
    );
    stage.all_back(cut).await;
    let back = killed.elapsed();
    stage.remark(format!(
        "{clients} clients; all nodes were healthy again {:.1} s after they were killed, all \
         clients back after {:.1} s",
        there.as_secs_f64(),
        back.as_secs_f64()
    ));
    if back - there > BACK {
        stage.fault(format!("some clients took more than {BACK:?} to come back"));
    }
    stage.settle("mass-return").await
}
