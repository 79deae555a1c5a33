//! All nodes are replaced under load, in either order of the balancer's cut and SIGTERM.

use std::path::Path;

use super::{Size, load};
use crate::event::now;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::Stage;

/// The longest that a client may be away beyond its own back-off, for all but one in a hundred, in
/// ms.
const AWAY: f64 = 5_000.0;

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let redis = Redis::start(directory.join("redis")).await?;
    let cast = size.cast();
    let mut stage = Stage::set(cast.clone(), &redis.url(), directory).await?;
    stage.publish(load(&cast));
    let delay = size.pick("1s", "5s");
    for order in ["cut-first", "sigterm-first"] {
        let (start, from) = (tokio::time::Instant::now(), now());
        let deploy = ["deploy", "--order", order, "--deregistration-delay", delay];
        stage.stack.local(&deploy).await?;
        stage.mark(&format!("all nodes are replaced, {order}"), from);
        let took = start.elapsed().as_secs_f64();
        stage.remark(format!("{order}: all nodes replaced in {took:.1} s"));
    }
    let report = stage.settle("rollout").await?;
    Ok(report.with_away_below(AWAY))
}
