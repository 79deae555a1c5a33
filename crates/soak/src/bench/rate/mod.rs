//! The highest rate that holds from end to end: accepted over HTTP by any of three nodes, stored in
//! one Redis, shown by two plugins on two nodes, acknowledged and retired.
//!
//! Nodes, Redis and load share the cores of one machine, so the rate is that of all of them
//! together. What each part takes for a message says what it would carry by itself; that is
//! reckoned, and printed as such.

mod ledger;
mod load;
mod publisher;
mod step;

use super::print;
use super::servers::Servers;
use crate::redis::Redis;
use load::Load;
use step::{Costs, Step};

const NODES: usize = 3;
/// Few busy channels, and many quiet ones; each with two plugins.
const CHANNELS: [usize; 2] = [100, 1_500];
/// Messages a second: the first step, and what each further one is of the one before.
const FIRST: f64 = 2_000.0;
const FACTOR: f64 = 1.5;
/// Steps between the highest rate that held and the lowest that did not.
const HALVINGS: usize = 3;
/// What is to be carried.
const GOAL: f64 = 15_000.0;
/// The share of a core that one plans with.
const PLANNED: f64 = 0.7;

pub(super) async fn run() -> anyhow::Result<()> {
    // ElastiCache writes no log.
    for logs in [true, false] {
        for channels in CHANNELS {
            measure(channels, logs).await?;
        }
    }
    Ok(())
}

async fn measure(channels: usize, logs: bool) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    let redis = Redis::start(directory.path().join("redis")).await?;
    if !logs {
        redis
            .command(&["CONFIG", "SET", "appendonly", "no"])
            .await?;
    }
    let log = if logs { "with" } else { "without" };
    let servers = Servers::start(NODES, &redis, directory.path(), &[]).await?;
    let load = Load::start(&servers, channels).await?;
    print(&format!(
        "{NODES} nodes, one Redis {log} its log, {channels} channels with two plugins each; measured, CPU \
         without what idle nodes take:"
    ))?;
    let idle = Costs::idle(&servers, &redis).await?;
    let highest = highest(async |rate| {
        let step = Step::run(rate, &load, (&servers, &redis), &idle).await?;
        print(&format!("  {step}"))?;
        anyhow::Ok(step)
    })
    .await?;
    match highest {
        Some(step) => report(&step),
        None => print("  no rate holds"),
    }
}

/// The step of the highest rate that holds.
async fn highest(
    mut step: impl AsyncFnMut(f64) -> anyhow::Result<Step>,
) -> anyhow::Result<Option<Step>> {
    let (mut best, mut rate) = (None, FIRST);
    let mut failed = loop {
        let step = step(rate).await?;
        if !step.holds() {
            break rate;
        }
        best = Some(step);
        rate *= FACTOR;
    };
    for _ in 0..HALVINGS {
        let held = best.as_ref().map_or(0.0, |step: &Step| step.wanted);
        let middle = held.midpoint(failed);
        let step = step(middle).await?;
        if step.holds() {
            best = Some(step);
        } else {
            failed = middle;
        }
    }
    Ok(best)
}

fn report(step: &Step) -> anyhow::Result<()> {
    let Costs { redis, nodes, load } = &step.costs;
    let nodes: f64 = nodes.iter().sum();
    print(&format!(
        "  the highest rate that holds: {:.0} messages/s, lateness {}",
        step.accepted, step.lateness
    ))?;
    print(&format!(
        "  reckoned from {redis:.0} µs of Redis, {nodes:.0} of the nodes and {load:.0} of the load for a message: \
         Redis's core is full at {:.0} messages/s, and at {:.0} to {:.0} %; {GOAL} messages/s take \
         {:.2} cores of the nodes and {:.2} of Redis",
        1e6 / redis,
        PLANNED * 1e6 / redis,
        PLANNED * 100.0,
        GOAL * nodes / 1e6,
        GOAL * redis / 1e6,
    ))
}
