//! Permits: each holds a place that is free again once it is dropped.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Admission;
use super::client::Group;

/// A place that was given: for a connection, a request, a session or a socket.
pub struct Permit {
    admission: Arc<Admission>,
    group: Group,
    holds: Holds,
}

pub(super) enum Holds {
    /// One of the node's connections. Those of trusted proxies do not count for an address.
    Connection {
        reserved: bool,
        counted: bool,
        peer: IpAddr,
    },
    /// A request in flight.
    Request,
    /// A session, with the key of its handshake.
    Session {
        unjoined: AtomicBool,
        key: Option<Arc<str>>,
    },
    /// A socket in a namespace.
    Socket { key: Arc<str> },
}

impl Permit {
    pub(super) fn new(admission: Arc<Admission>, group: Group, holds: Holds) -> Self {
        Self {
            admission,
            group,
            holds,
        }
    }

    /// Whether the connection took one of the places that are reserved: it may carry health checks
    /// and backends' requests, nothing else.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        matches!(self.holds, Holds::Connection { reserved: true, .. })
    }

    /// The address at the other end of the connection; none if this is not a connection's permit.
    #[must_use]
    pub fn peer(&self) -> Option<IpAddr> {
        match self.holds {
            Holds::Connection { peer, .. } => Some(peer),
            _ => None,
        }
    }

    /// Notes that the session has joined a namespace: others may come in its stead.
    pub fn joined(&self) {
        if let Holds::Session { unjoined, .. } = &self.holds
            && unjoined.swap(false, Ordering::AcqRel)
        {
            self.admission.unjoined.release();
            let addresses = &self.admission.addresses;
            addresses.release(self.group, |address| address.unjoined -= 1);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.joined();
        let admission = &self.admission;
        let (addresses, keys) = (&admission.addresses, &admission.keys);
        match &self.holds {
            Holds::Connection {
                reserved, counted, ..
            } => {
                admission.connections.release();
                if *counted {
                    addresses.release(self.group, |address| {
                        address.connections -= 1;
                        address.reserved -= u32::from(*reserved);
                    });
                }
            }
            Holds::Request => addresses.release(self.group, |address| address.requests -= 1),
            Holds::Session { key, .. } => {
                admission.sessions.release();
                addresses.release(self.group, |address| address.sessions -= 1);
                if let Some(key) = key {
                    keys.find(key, |key| key.sessions -= 1);
                }
            }
            Holds::Socket { key } => {
                keys.find(key, |key| key.remove(self.group));
            }
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
