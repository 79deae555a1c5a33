//! Every third client loses its session at each message of a kind, until the end: its other
//! messages must pass those, and nobody may be kept off by them.

use std::path::Path;

use tokio::time::sleep;

use super::{Size, load};
use crate::event::Ms;
use crate::publisher::Load;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::{Cast, Stage};

/// How long a client may be away beside its own back-off, in ms.
const AWAY: Ms = 5_000.0;

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let redis = Redis::start(directory.join("redis")).await?;
    let cast = Cast {
        breaking: true,
        ..size.cast()
    };
    let mut stage = Stage::set(cast.clone(), &redis.url(), directory).await?;
    stage.publish(Load {
        poison: 20,
        ..load(&cast)
    });
    sleep(size.seconds(15, 60)).await;
    let report = stage.settle("poison").await?;
    Ok(report.with_away_below(AWAY))
}
