//! The clock of Redis leaps by up to two hours, and those of all nodes with it, for seconds, again
//! and again. Messages have twenty minutes to live: nothing may expire, and nothing be early or
//! late.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::sleep;

use super::{Size, load};
use crate::clock::WallClock;
use crate::event::now;
use crate::process::beside;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::{Cast, Stage, again_and_again};

/// How far the clocks leap, in seconds, forward or back.
const LEAP: std::ops::Range<i64> = 2..7_200;
/// For how long, in ms: less than it takes until a leap is believed.
const WRONG: std::ops::Range<u64> = 500..6_000;
/// Between two leaps, in ms: as long as it takes until a clock is steady again.
const RIGHT: std::ops::Range<u64> = 2_000..4_000;
/// From the start of the nodes to the first leap: a node that has just started believes the clock
/// that it finds.
const BELIEVED: Duration = Duration::from_secs(15);
/// How early or late half of the messages, or the earliest, may be, in ms.
const OFF: f64 = 500.0;

pub(super) async fn run(size: Size, directory: &Path) -> anyhow::Result<Report> {
    let clock = WallClock::right(directory).await?;
    let redis = Redis::under(&clock, directory.join("redis")).await?;
    let cast = Cast {
        server: Some(server(&clock, directory)?),
        ..size.cast()
    };
    let mut stage = Stage::set(cast.clone(), &redis.url(), directory).await?;
    sleep(BELIEVED).await;
    stage.publish(load(&cast));
    let mut leaps = 0;
    again_and_again(size.seconds(25, 120), async || {
        sleep(Duration::from_millis(fastrand::u64(RIGHT))).await;
        let (by, from) = (fastrand::i64(LEAP), now());
        clock.set(if fastrand::bool() { by } else { -by })?;
        sleep(Duration::from_millis(fastrand::u64(WRONG))).await;
        clock.set(0)?;
        stage.mark("all clocks have leapt", from);
        leaps += 1;
        Ok(())
    })
    .await?;
    stage.remark(format!("leaps of all clocks: {leaps}"));
    let report = stage.settle("clock-steps").await?;
    Ok(report.with_lateness_within(OFF))
}

/// A server under that clock.
fn server(clock: &WallClock, directory: &Path) -> anyhow::Result<std::path::PathBuf> {
    let script = directory.join("server-under-a-clock");
    let exports: String = clock
        .environment()
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", value.display()))
        .collect();
    let text = format!("#!/bin/sh\n{exports}exec {}\n", beside("server")?.display());
    fs::write(&script, text)
        .and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", script.display()))?;
    Ok(script)
}
