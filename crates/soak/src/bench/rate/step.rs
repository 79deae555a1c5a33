//! One rate for some seconds: what came of its messages, and what each part took for one.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep};

use super::load::Load;
use crate::bench::sample::cpu;
use crate::bench::servers::Servers;
use crate::event::now;
use crate::publisher::lock;
use crate::redis::Redis;
use crate::spread::Spread;

/// How long nothing is published, until as many messages end as are published, and how long is
/// measured.
const IDLE: Duration = Duration::from_secs(8);
const WARM: Duration = Duration::from_secs(4);
const BUSY: Duration = Duration::from_secs(8);
/// Until what was accepted has come at the latest, and until it has ended.
const SETTLED: Duration = Duration::from_secs(5);
const ENDED: Duration = Duration::from_secs(3);
/// What 99 of a hundred messages may wait at most, in ms, and the share of what is wanted that must
/// be accepted.
const PROMPT: f64 = 50.0;
const NEARLY_ALL: f64 = 0.98;
/// Messages of which the store is asked who has acknowledged them.
const ASKED: usize = 100;

/// CPU: in seconds so far, or in µs for a message, or in cores.
#[derive(Debug, Clone)]
pub(super) struct Costs {
    pub(super) redis: f64,
    pub(super) nodes: Vec<f64>,
    /// Plugins and backend.
    pub(super) load: f64,
}

impl Costs {
    fn so_far(servers: &Servers, redis: &Redis) -> anyhow::Result<Self> {
        Ok(Self {
            redis: cpu(redis.pid().context("Redis does not run")?)?,
            nodes: servers.cpu()?,
            load: cpu(std::process::id())?,
        })
    }

    /// What all of it takes while nothing is published, in cores.
    ///
    /// # Errors
    /// When a process has ended.
    pub(super) async fn idle(servers: &Servers, redis: &Redis) -> anyhow::Result<Self> {
        let (before, start) = (Self::so_far(servers, redis)?, Instant::now());
        sleep(IDLE).await;
        let after = Self::so_far(servers, redis)?;
        let seconds = start.elapsed().as_secs_f64();
        Ok(after.with(&before, |after, before| (after - before) / seconds))
    }

    fn with(&self, other: &Self, each: impl Fn(f64, f64) -> f64) -> Self {
        let nodes = self.nodes.iter().zip(&other.nodes);
        Self {
            redis: each(self.redis, other.redis),
            nodes: nodes.map(|(one, other)| each(*one, *other)).collect(),
            load: each(self.load, other.load),
        }
    }

    fn sum(&self) -> f64 {
        self.redis + self.nodes.iter().sum::<f64>() + self.load
    }
}

/// What one rate came to.
#[derive(Debug)]
pub(super) struct Step {
    /// Messages a second that were to be published, and that were accepted.
    pub(super) wanted: f64,
    pub(super) accepted: f64,
    /// Arrivals and acknowledgements a second; of two plugins each.
    delivered: f64,
    acknowledged: f64,
    refused: usize,
    /// Arrivals that are missing, and those that came again.
    lost: usize,
    again: usize,
    /// How many of the messages that the store was asked for both plugins have acknowledged.
    known: usize,
    asked: usize,
    pub(super) lateness: Spread,
    /// µs of CPU for a message.
    pub(super) costs: Costs,
    /// Cores that Redis took, and all of it.
    cores: (f64, f64),
}

impl Step {
    /// Publishes at a rate, and measures.
    ///
    /// # Errors
    /// When a process or a plugin's connection has ended.
    pub(super) async fn run(
        wanted: f64,
        load: &Load,
        (servers, redis): (&Servers, &Redis),
        idle: &Costs,
    ) -> anyhow::Result<Self> {
        const ACKNOWLEDGED: &str = r#"holdfast_messages_total{state="acknowledged"}"#;
        let (first, refused, again) = lock(&load.ledger).so_far()?;
        let publishing = load.publish(wanted);
        sleep(WARM).await;
        let acknowledged = servers.counted(ACKNOWLEDGED).await?;
        let (before, start, from) = (Costs::so_far(servers, redis)?, Instant::now(), now());
        sleep(BUSY).await;
        let (after, seconds, time) = (
            Costs::so_far(servers, redis)?,
            start.elapsed().as_secs_f64(),
            from..now(),
        );
        let acknowledged = servers.counted(ACKNOWLEDGED).await? - acknowledged;
        drop(publishing);
        let settling = Instant::now();
        while !lock(&load.ledger).is_settled(first) && settling.elapsed() < SETTLED {
            sleep(Duration::from_millis(50)).await;
        }
        sleep(ENDED).await;
        let (outcome, asked) = {
            let ledger = lock(&load.ledger);
            let due: Vec<_> = ledger.due(&time).collect();
            let every = due.len().div_ceil(ASKED).max(1);
            let asked: Vec<_> = due.into_iter().step_by(every).collect();
            (ledger.outcome(&time), asked)
        };
        let known = load.backend.acknowledged_by_all(&asked).await?;
        let took = after.with(&before, |after, before| (after - before) / seconds);
        let own = took.with(idle, |took, idle| took - idle);
        let accepted = outcome.accepted as f64 / seconds;
        let (_, refused_now, again_now) = lock(&load.ledger).so_far()?;
        Ok(Self {
            wanted,
            accepted,
            delivered: outcome.delivered as f64 / seconds,
            acknowledged: acknowledged / seconds,
            refused: refused_now - refused,
            lost: outcome.missing,
            again: again_now - again,
            known,
            asked: asked.len(),
            lateness: outcome.lateness,
            costs: own.with(&own, |own, _| own / accepted * 1e6),
            cores: (took.redis, took.sum()),
        })
    }

    /// Whether the rate is carried.
    pub(super) fn holds(&self) -> bool {
        self.accepted >= NEARLY_ALL * self.wanted
            && self.lateness.p99 <= PROMPT
            && self.lost + self.refused == 0
            && self.known == self.asked
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = &self.costs.nodes;
        let each: Vec<_> = nodes.iter().map(|micros| format!("{micros:.0}")).collect();
        write!(
            f,
            "{:>6.0}/s wanted: {:.0} accepted, {:.0} delivered and {:.0} acknowledged a second; lost {}, again {}, \
             refused {}, acknowledged by both in the store {} of {} asked; lateness {}; a message: \
             Redis {:.0} µs, nodes {:.0} µs ({}), load {:.0} µs; {:.2} cores busy, {:.2} with Redis{}",
            self.wanted,
            self.accepted,
            self.delivered,
            self.acknowledged,
            self.lost,
            self.again,
            self.refused,
            self.known,
            self.asked,
            self.lateness,
            self.costs.redis,
            nodes.iter().sum::<f64>(),
            each.join(" + "),
            self.costs.load,
            self.cores.1,
            self.cores.0,
            if self.holds() { "" } else { "; does not hold" },
        )
    }
}
