//! The limits, as settings give them. `None` means that there is none.

use super::client::TrustedProxies;

/// How much one address, one key and all together may have. The settings' reference tells the
/// defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Who may speak for a client's address.
    pub trusted_proxies: TrustedProxies,
    /// Connections that the node admits, and sessions; from the file limit if not set.
    pub connections: Option<u32>,
    /// Sessions that may be on their way into a namespace without having shown a key.
    pub unjoined: u32,
    /// Connections, requests in flight and sessions of one address, each.
    pub address_connections: Option<u32>,
    /// Handshakes of one address, a second; ten seconds' worth may come at once.
    pub address_handshakes: Option<u32>,
    /// Wrong keys of one address, a minute, before it is banned.
    pub address_failed_keys: Option<u32>,
    /// Sockets of one key.
    pub key_sockets: Option<u32>,
    /// Joins and handshakes of one key, a second; ten seconds' worth may come at once.
    pub key_joins: Option<u32>,
    /// Addresses that a key's sockets come from at the same time.
    pub key_addresses: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            trusted_proxies: TrustedProxies::None,
            connections: None,
            unjoined: 4_000,
            address_connections: Some(2_000),
            address_handshakes: Some(100),
            address_failed_keys: Some(100),
            key_sockets: Some(200),
            key_joins: Some(20),
            key_addresses: Some(50),
        }
    }
}
