//! A ban of an address, as nodes tell each other.

use std::net::IpAddr;

use crate::clock::Millis;

/// Bans that may wait to be told or taken; beyond it some stay on their node.
pub const QUEUE: usize = 1024;

/// A ban of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// An address of those that are banned: an IPv4 address, or one of an IPv6 /64.
    pub address: IpAddr,
    /// When it ends, by the store's clock.
    pub until: Millis,
}
