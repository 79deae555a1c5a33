//! What has been used and done up to a moment; two of them make a figure.

use std::fs;
use std::ops::Sub;

use anyhow::Context as _;

use crate::publisher::lock;
use crate::redis::Redis;
use crate::stage::Stage;

/// Ticks a second in `/proc/PID/stat`, on Linux.
const TICKS: f64 = 100.0;

/// Counts since the beginning, or between two moments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// CPU of all nodes, in seconds.
    pub(super) nodes_cpu: f64,
    /// CPU of Redis, in seconds.
    pub(super) redis_cpu: f64,
    /// Commands that Redis ran, those inside of scripts among them.
    pub(super) operations: f64,
    pub(super) accepted: f64,
    pub(super) delivered: f64,
}

impl Sample {
    /// Counts up to now.
    ///
    /// # Errors
    /// When Redis or a process is gone.
    pub(super) async fn take(stage: &Stage, redis: &Redis) -> anyhow::Result<Self> {
        let mut nodes_cpu = 0.0;
        for node in stage.stack.nodes().values() {
            nodes_cpu += cpu(node.pid)?;
        }
        let (accepted, delivered) = lock(&stage.tracker).counts();
        let operations = redis.number("stats", "total_commands_processed").await?;
        Ok(Self {
            nodes_cpu,
            redis_cpu: cpu(redis.pid().context("Redis does not run")?)?,
            operations,
            accepted: accepted as f64,
            delivered: delivered as f64,
        })
    }
}

impl Sub for Sample {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            nodes_cpu: self.nodes_cpu - before.nodes_cpu,
            redis_cpu: self.redis_cpu - before.redis_cpu,
            operations: self.operations - before.operations,
            accepted: self.accepted - before.accepted,
            delivered: self.delivered - before.delivered,
        }
    }
}

/// User and system time of a process so far, in seconds.
pub(super) fn cpu(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The name may hold spaces; what counts comes after it.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}
