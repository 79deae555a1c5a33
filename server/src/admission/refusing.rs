//! Who is refused and who is banned, for a backend that asks.

use std::time::Duration;

use serde::Serialize;

use super::Admission;
use super::summary::PERIOD;
use crate::clock::Millis;

/// Networks with banned addresses that are told apart.
const MOST_NETWORKS: usize = 50;
/// How far back refusals are counted at most: the periods that are remembered, and the current one.
const BACK: Duration = Duration::from_secs(6 * PERIOD.as_secs());

/// Who was refused within the last minute, and who is banned now.
#[derive(Debug, Serialize)]
pub struct Refusing {
    /// Seconds that refusals are counted back, at most.
    seconds: u64,
    /// The most frequent first.
    refused: Vec<RefusedLine>,
    /// The longest first.
    banned: Vec<BannedNetwork>,
    /// Networks with bans beyond those that are told.
    other_banned_networks: usize,
}

/// Refusals of one reason, of clients in one network.
#[derive(Debug, Serialize)]
struct RefusedLine {
    reason: &'static str,
    /// A /24 or a /48; several where none.
    network: Option<String>,
    count: u64,
}

/// A network with banned addresses.
#[derive(Debug, Serialize)]
struct BannedNetwork {
    network: String,
    addresses: usize,
    /// When the last of the bans ends.
    until: Millis,
}

impl Admission {
    /// Who is refused and banned, at the time `at`.
    #[must_use]
    pub fn refusing(&self, at: Millis) -> Refusing {
        let now = self.now();
        let refused = self.summary.recent().into_iter().map(|line| RefusedLine {
            reason: line.reason,
            network: line.network.map(|network| network.to_string()),
            count: line.count,
        });
        let (banned, others) = self.addresses.banned(now, MOST_NETWORKS);
        let banned = banned.into_iter().map(|banned| BannedNetwork {
            network: banned.network.to_string(),
            addresses: banned.addresses,
            until: at.plus(Duration::from_nanos(banned.until.saturating_sub(now))),
        });
        Refusing {
            seconds: BACK.as_secs(),
            refused: refused.collect(),
            banned: banned.collect(),
            other_banned_networks: others,
        }
    }
}
