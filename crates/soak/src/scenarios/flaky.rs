//! Every client drops its connection every few seconds, stays away for up to three, and some of
//! what it is sent is worth rendering for two alone.

use std::path::Path;

use tokio::time::sleep;

use super::{Size, load};
use crate::publisher::Load;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::{Cast, Stage};

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let redis = Redis::start(directory.join("redis")).await?;
    let cast = Cast {
        flaky: true,
        ..size.cast()
    };
    let mut stage = Stage::set(cast.clone(), &redis.url(), directory).await?;
    stage.publish(Load {
        brief: 10,
        ..load(&cast)
    });
    sleep(size.seconds(15, 90)).await;
    let report = stage.settle("flaky").await?;
    // Nothing but the clients fails here, so what expires unseen was a client's own absence.
    Ok(report.with_nothing_missed())
}
