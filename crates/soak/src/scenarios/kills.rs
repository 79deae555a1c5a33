//! A node is killed with -9 every few seconds, as soon as another one is there to take its clients.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::{Size, load};
use crate::event::now;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::{Stage, again_and_again};

/// Between two kills, in ms.
const BETWEEN: std::ops::Range<u64> = 2_000..4_000;

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let redis = Redis::start(directory.join("redis")).await?;
    let cast = size.cast();
    let mut stage = Stage::set(cast.clone(), &redis.url(), directory).await?;
    stage.publish(load(&cast));
    let mut kills = 0;
    again_and_again(size.seconds(18, 120), async || {
        sleep(Duration::from_millis(fastrand::u64(BETWEEN))).await;
        stage.stack.until_healthy(2).await?;
        let healthy = stage.stack.healthy();
        kills += 1;
        stage.mark("a node is killed with -9", now());
        stage
            .stack
            .kill(&healthy[fastrand::usize(..healthy.len())])
            .await
    })
    .await?;
    stage.stack.until_healthy(cast.nodes).await?;
    stage.remark(format!("nodes killed with -9: {kills}"));
    stage.settle("kills").await
}
