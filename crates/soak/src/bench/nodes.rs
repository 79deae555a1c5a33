//! The same load on 1, 2, 4 and 8 nodes: what a message costs them, and Redis.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::plot::Plot;
use super::print;
use super::sample::Sample;
use crate::publisher::Load;
use crate::redis::Redis;
use crate::stage::{Cast, Stage, Transports};

const NODES: [usize; 4] = [1, 2, 4, 8];
/// Clients, two on each channel.
const CLIENTS: usize = 200;
/// Messages a second.
const RATE: f64 = 200.0;
/// How long nothing is published, and how long it is.
const IDLE: Duration = Duration::from_secs(5);
const BUSY: Duration = Duration::from_secs(15);
/// Until the load is steady.
const WARM: Duration = Duration::from_secs(3);

pub(super) async fn run(svg: Option<&Path>) -> anyhow::Result<()> {
    print(&format!(
        "cost of a message, {RATE} messages/s to two WebSockets each, by number of nodes:"
    ))?;
    let mut first = None;
    let (mut of_nodes, mut of_redis) = (Vec::new(), Vec::new());
    for nodes in NODES {
        let (idle, busy) = measure(nodes).await?;
        let seconds = BUSY.as_secs_f64();
        let background = idle.nodes_cpu / IDLE.as_secs_f64() * seconds;
        let cpu = (busy.nodes_cpu - background) / busy.delivered * 1e6;
        let redis_background = idle.redis_cpu / IDLE.as_secs_f64() * seconds;
        let redis_cpu = (busy.redis_cpu - redis_background) / busy.accepted * 1e6;
        let operations = busy.operations / busy.accepted;
        of_nodes.push((nodes as f64, cpu));
        of_redis.push((nodes as f64, redis_cpu));
        let (one_cpu, one_operations) = *first.get_or_insert((cpu, operations));
        print(&format!(
            "  {nodes} nodes: {cpu:.0} µs CPU per delivered message (x {:.2}), {operations:.1} Redis operations per message \
             (x {:.2}), {redis_cpu:.0} µs of Redis's CPU per message; idle: {:.2} % of a core a \
             node, {:.0} Redis operations/s",
            cpu / one_cpu,
            operations / one_operations,
            idle.nodes_cpu / IDLE.as_secs_f64() / nodes as f64 * 100.0,
            idle.operations / IDLE.as_secs_f64(),
        ))?;
    }
    let plot = Plot {
        title: "what a message costs",
        axes: ("nodes", "µs of CPU"),
        lines: &[
            ("nodes, each delivery", of_nodes),
            ("Redis, each message", of_redis),
        ],
    };
    svg.map_or(Ok(()), |file| plot.draw(file))
}

/// Idle, and under load.
async fn measure(nodes: usize) -> anyhow::Result<(Sample, Sample)> {
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    let redis = Redis::start(directory.path().join("redis")).await?;
    let cast = Cast {
        nodes,
        clients: CLIENTS,
        channels: CLIENTS / 2,
        transports: Transports::WebSocket,
        flaky: false,
        breaking: false,
        silent: false,
        server: None,
    };
    let mut stage = Stage::set(cast, &redis.url(), directory.path()).await?;
    sleep(WARM).await;
    let before = Sample::take(&stage, &redis).await?;
    sleep(IDLE).await;
    let idle = Sample::take(&stage, &redis).await? - before;
    stage.publish(Load {
        rate: RATE,
        channels: 0..CLIENTS / 2,
        ahead: Duration::from_secs(1),
        everyone: 0,
        brief: 0,
        poison: 0,
    });
    sleep(WARM).await;
    let before = Sample::take(&stage, &redis).await?;
    sleep(BUSY).await;
    let busy = Sample::take(&stage, &redis).await? - before;
    Ok((idle, busy))
}
