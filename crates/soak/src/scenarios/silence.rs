//! The network goes silent again and again: open connections stay, and nothing passes on them.
//! Clients notice by their heartbeat, which is quick here, and come back.

use std::path::Path;

use tokio::time::sleep;

use super::{Size, load};
use crate::event::{Ms, now};
use crate::publisher::lock;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::{Cast, Stage};

/// How long a client may be away beside its own back-off, once it has noticed, in ms.
const AWAY: Ms = 5_000.0;

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let redis = Redis::start(directory.join("redis")).await?;
    let cast = Cast {
        silent: true,
        ..size.cast()
    };
    let mut stage = Stage::set(cast.clone(), &redis.url(), directory).await?;
    stage.publish(load(&cast));
    for _ in 0..size.pick(2, 6) {
        sleep(size.seconds(4, 10)).await;
        let from = now();
        stage.swallow();
        stage.all_back(from).await;
        stage.mark(
            "the network has swallowed all, until everyone is back",
            from,
        );
        // What was acknowledged into the silence comes again.
        lock(&stage.tracker).outage(from, now());
        stage.remark(format!(
            "everyone back {:.1} s after the network went silent",
            (now() - from) / 1e3
        ));
    }
    let report = stage.settle("silence").await?;
    Ok(report.with_away_below(AWAY))
}
