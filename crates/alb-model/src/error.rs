//! Why a balancer cannot be built or changed.

use std::net::SocketAddr;

/// Why the balancer could not be built or changed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A listener forwards to a target group that the configuration does not have.
    #[error(
        "target group {0:?} is forwarded to, but not defined; define it or correct the listener's \
         action"
    )]
    UnknownGroup(String),
    /// A forward action without a target group that may receive anything.
    #[error("a forward action has no target group with a weight above 0")]
    NothingToForwardTo,
    /// A listener that the configuration does not have.
    #[error("listener {0} is not in the configuration")]
    UnknownListener(usize),
    /// A target that is not registered with that group.
    #[error("target {1} is not registered with target group {0:?}")]
    UnknownTarget(String, SocketAddr),
}
