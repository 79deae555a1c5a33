//! What all connections of one balancer share.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::Config;
use super::cookie::Cookies;
use super::event::Events;
use super::group::TargetGroup;
use super::headers::TraceIds;

/// State that all connections of one balancer share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) groups: Vec<TargetGroup>,
    pub(crate) cookies: Cookies,
    pub(crate) traces: TraceIds,
    pub(crate) shares: AtomicU32,
    pub(crate) events: Events,
    pub(crate) tasks: TaskTracker,
    pub(crate) closing: CancellationToken,
}

impl Shared {
    pub(crate) fn group(&self, name: &str) -> Option<&TargetGroup> {
        self.groups.iter().find(|group| group.config.name == name)
    }

    /// Counts requests to weighted groups, so that shares are exact and not left to chance.
    pub(crate) fn next_share(&self) -> u32 {
        self.shares.fetch_add(1, Ordering::Relaxed)
    }
}
