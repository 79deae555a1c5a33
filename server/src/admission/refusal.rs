//! Why somebody is not admitted, and when to come again.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// A refusal that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("refused: {}", reason.name())]
pub struct Refused {
    /// Which limit it was.
    pub reason: Reason,
    /// When to try again.
    pub retry_after: Duration,
}

/// The limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// All places for connections are taken.
    Connections,
    /// What is left of them is reserved for health checks and backends.
    ReservedPlace,
    /// One address has as many connections as it may have.
    AddressConnections,
    /// One address has as many requests in flight as it may have.
    AddressRequests,
    /// One address has as many sessions as it may have.
    AddressSessions,
    /// One address has its share of the sessions that may be unjoined.
    AddressUnjoined,
    /// One address makes too many handshakes.
    AddressHandshakes,
    /// One address has shown too many wrong keys.
    Banned,
    /// All places for sessions are taken.
    Sessions,
    /// All places for sessions that have joined nothing are taken.
    Unjoined,
    /// The table of addresses is full.
    Addresses,
    /// One key has as many sockets as it may have.
    KeySockets,
    /// One key joins too often.
    KeyJoins,
    /// One key is used from too many addresses.
    KeyAddresses,
}

impl Reason {
    /// The name in metrics and log lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connections => "too_many_connections",
            Self::ReservedPlace => "reserved_place",
            Self::AddressConnections => "address_connections",
            Self::AddressRequests => "address_requests",
            Self::AddressSessions => "address_sessions",
            Self::AddressUnjoined => "address_unjoined",
            Self::AddressHandshakes => "address_handshakes",
            Self::Banned => "banned",
            Self::Sessions => "too_many_sessions",
            Self::Unjoined => "too_many_unjoined",
            Self::Addresses => "too_many_addresses",
            Self::KeySockets => "key_sockets",
            Self::KeyJoins => "key_joins",
            Self::KeyAddresses => "key_addresses",
        }
    }

    /// Whether the limit is the node's own, not one of who asks.
    fn is_of_node(self) -> bool {
        matches!(
            self,
            Self::Connections
                | Self::ReservedPlace
                | Self::Sessions
                | Self::Unjoined
                | Self::Addresses
        )
    }

    /// 429 where who asks is the cause, 503 where all together are.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self.is_of_node() {
            true => StatusCode::SERVICE_UNAVAILABLE,
            false => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::Connections | Self::Sessions => "This node has no place left; connect again",
            Self::ReservedPlace => {
                "The node's last places are for health checks and backends; connect again"
            }
            Self::AddressConnections | Self::AddressRequests | Self::AddressSessions => {
                "Your address has as many connections as it may have (CONNECTIONS_PER_ADDRESS)"
            }
            Self::AddressUnjoined => {
                "Too many clients at your address are connecting; connect again"
            }
            Self::AddressHandshakes => {
                "Your address sends too many requests (HANDSHAKES_PER_ADDRESS)"
            }
            Self::Banned => {
                "Your address has sent too many wrong keys (FAILED_KEYS_PER_ADDRESS); wait"
            }
            Self::Unjoined => "Too many clients are connecting; connect again",
            Self::Addresses => "Too many addresses are connected; connect again",
            Self::KeySockets => "This key has as many sockets as it may have (SOCKETS_PER_KEY)",
            Self::KeyJoins => "This key connects too often (JOINS_PER_KEY)",
            Self::KeyAddresses => "This key is used from too many addresses (ADDRESSES_PER_KEY)",
        }
    }
}

impl Refused {
    pub(super) fn new(reason: Reason, retry_after: Duration) -> Self {
        Self {
            reason,
            retry_after,
        }
    }

    /// The number for `Retry-After`: whole seconds, one at least.
    #[must_use]
    pub fn retry_after_seconds(&self) -> u64 {
        self.retry_after.as_millis().div_ceil(1000).max(1) as u64
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.reason.detail();
        let problem = match refused.reason.is_of_node() {
            true => Self::unavailable(detail),
            false => Self::too_many(detail),
        };
        problem.after(refused.retry_after_seconds())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
