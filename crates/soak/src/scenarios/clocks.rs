//! The clock of one node is two seconds fast, that of another two seconds slow. Messages are due by
//! the store's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use tokio::time::sleep;

use super::{Size, load};
use crate::process::beside;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::{Cast, Stage};

/// How early or late half of the messages, or the earliest, may be, in ms: far less than the clocks
/// are wrong.
const OFF: f64 = 500.0;

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let redis = Redis::start(directory.join("redis")).await?;
    let server = directory.join("server-with-a-wrong-clock");
    // Not by the program `faketime`: the server would be its child, and outlive the stack.
    let library = "LD_PRELOAD='/usr/$LIB/faketime/libfaketime.so.1'";
    let script = format!(
        "#!/bin/sh\nexport FAKETIME_DONT_FAKE_MONOTONIC=1\ncase $NODE_ID in\n  \
         node-2) export FAKETIME=+2s {library} ;;\n  \
         node-3) export FAKETIME=-2s {library} ;;\nesac\nexec {}\n",
        beside("server")?.display()
    );
    fs::write(&server, script)
        .and_then(|()| fs::set_permissions(&server, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", server.display()))?;
    let cast = Cast {
        server: Some(server),
        ..size.cast()
    };
    let mut stage = Stage::set(cast.clone(), &redis.url(), directory).await?;
    stage.publish(load(&cast));
    sleep(size.seconds(12, 60)).await;
    let report = stage.settle("clocks").await?;
    Ok(report.with_lateness_within(OFF))
}
