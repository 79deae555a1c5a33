//! A node stops (SIGSTOP) and goes on, every few seconds: its connections stay, nothing answers,
//! its clocks jump, and the others take it for dead after four seconds.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::{Size, load};
use crate::event::{Ms, now};
use crate::publisher::lock;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::{Stage, again_and_again};

/// Between two pauses, in ms.
const BETWEEN: std::ops::Range<u64> = 1_000..3_000;
/// How long a node stands still, in ms: less than the balancer takes to find it unhealthy and have
/// it replaced.
const STILL: std::ops::Range<u64> = 500..9_000;
/// How long an acknowledgement may wait in the node that stood still before it is in the store, in
/// ms.
const AFTER: Ms = 10_000.0;

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let redis = Redis::start(directory.join("redis")).await?;
    let cast = size.cast();
    let mut stage = Stage::set(cast.clone(), &redis.url(), directory).await?;
    stage.publish(load(&cast));
    let mut pauses = 0;
    again_and_again(size.seconds(18, 120), async || {
        sleep(Duration::from_millis(fastrand::u64(BETWEEN))).await;
        stage.stack.until_healthy(cast.nodes).await?;
        let nodes = stage.stack.healthy();
        let node = &nodes[fastrand::usize(..nodes.len())];
        pauses += 1;
        let from = now();
        stage.stack.local(&["stop", node]).await?;
        sleep(Duration::from_millis(fastrand::u64(STILL))).await;
        stage.stack.local(&["continue", node]).await?;
        stage.mark("a node stands still", from);
        lock(&stage.tracker).outage(from, now() + AFTER);
        Ok(())
    })
    .await?;
    stage.remark(format!("nodes stopped and continued: {pauses}"));
    stage.settle("pauses").await
}
