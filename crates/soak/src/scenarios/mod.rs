//! What can go wrong, one file each. Every scenario sets a stage, makes trouble under load, and
//! reports.

mod attacks;
mod clock_steps;
mod clocks;
mod cluster_outages;
mod flaky;
mod kills;
mod mass_return;
mod outages;
mod pauses;
mod poison;
mod releases;
mod resharding;
mod rollout;
mod silence;

use std::path::Path;
use std::time::Duration;

use crate::publisher::Load;
use crate::report::Report;
use crate::stage::{Cast, Transports};

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// A node is killed with -9 every few seconds.
    Kills,
    /// A node stands still for seconds and goes on, again and again.
    Pauses,
    /// All nodes are replaced one by one, in both orders of cut and SIGTERM.
    Rollout,
    /// Redis is restarted, cut off, hung, failed over and filled up.
    Outages,
    /// The same, and the loss of a shard, on one of three primaries of a Redis cluster.
    ClusterOutages,
    /// Clients drop their connections at random, through upgrades.
    Flaky,
    /// Every client comes back at once after all nodes were killed.
    MassReturn,
    /// The clocks of two nodes are wrong.
    Clocks,
    /// Hundreds of addresses without a key, and one with, attack a single server.
    Attacks,
    /// The clocks of Redis and of all nodes leap and come back.
    ClockSteps,
    /// The network swallows what is sent on open connections.
    Silence,
    /// Some clients lose their session at some messages.
    Poison,
    /// Slots of a Redis cluster move, and one of its primaries is killed.
    Resharding,
}

/// How big a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Size {
    /// Half a minute each.
    Small,
    /// A minute or two each.
    Large,
}

impl Size {
    fn pick<T>(self, small: T, large: T) -> T {
        match self {
            Self::Small => small,
            Self::Large => large,
        }
    }

    fn seconds(self, small: u64, large: u64) -> Duration {
        Duration::from_secs(self.pick(small, large))
    }

    /// Three nodes with clients on a third as many channels.
    fn cast(self) -> Cast {
        let clients = self.pick(150, 300);
        Cast {
            nodes: 3,
            clients,
            channels: clients / 3,
            transports: Transports::All,
            flaky: false,
            breaking: false,
            silent: false,
            server: None,
        }
    }
}

/// Twenty messages a second, due at once or up to five seconds later, every fiftieth to everyone.
fn load(cast: &Cast) -> Load {
    Load {
        rate: 20.0,
        channels: 0..cast.channels,
        ahead: Duration::from_secs(5),
        everyone: 50,
        brief: 0,
        poison: 0,
    }
}

impl Scenario {
    /// Its name as it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kills => "kills",
            Self::Pauses => "pauses",
            Self::Rollout => "rollout",
            Self::Outages => "outages",
            Self::ClusterOutages => "cluster-outages",
            Self::Flaky => "flaky",
            Self::MassReturn => "mass-return",
            Self::Clocks => "clocks",
            Self::Attacks => "attacks",
            Self::ClockSteps => "clock-steps",
            Self::Silence => "silence",
            Self::Poison => "poison",
            Self::Resharding => "resharding",
        }
    }

    /// Runs it; its files and logs are in `directory`. A roll-out is between another release's
    /// server and this one's where `other` names it.
    ///
    /// # Errors
    /// When it could not be run. What it found is in the report.
    pub(crate) async fn run(
        self,
        size: Size,
        directory: &Path,
        other: Option<&Path>,
    ) -> anyhow::Result<Report> {
        match self {
            Self::Kills => kills::run(size, directory).await,
            Self::Pauses => pauses::run(size, directory).await,
            Self::Rollout => match other {
                Some(other) => releases::run(size, directory, other).await,
                None => rollout::run(size, directory).await,
            },
            Self::Outages => outages::run(size, directory).await,
            Self::ClusterOutages => cluster_outages::run(size, directory).await,
            Self::Flaky => flaky::run(size, directory).await,
            Self::MassReturn => mass_return::run(size, directory).await,
            Self::Clocks => clocks::run(size, directory).await,
            Self::Attacks => attacks::run(size).await,
            Self::ClockSteps => clock_steps::run(size, directory).await,
            Self::Silence => silence::run(size, directory).await,
            Self::Poison => poison::run(size, directory).await,
            Self::Resharding => resharding::run(size, directory).await,
        }
    }
}
