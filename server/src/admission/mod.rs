//! Who is let in: limits for each address, each key and the node as a whole.
//!
//! `connection` and `socketio` ask here before they spend anything on a client, and hold a
//! [`Permit`] as long as it stays. What a client may do on a connection that it has is theirs to
//! bound.
//!
//! What is absent: nothing here is shared between nodes, but for bans, and nothing is written to the
//! store.
//!
//! Longer than most: it is the one door to the tables of addresses, keys and places.

mod addresses;
mod bans;
mod client;
mod keys;
mod limits;
mod permit;
mod places;
mod rate;
mod refusal;
mod refusing;
mod requests;
mod summary;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::http::HeaderMap;
use tokio::sync::broadcast;
use tokio::time::Instant;

pub use client::{Client, TrustedProxies};
pub use limits::Limits;
pub use permit::Permit;
pub use refusal::{Reason, Refused};
pub use refusing::Refusing;
pub(crate) use requests::InFlight;
pub use requests::{admit_request, drained};

use addresses::{Address, Addresses};
use keys::Keys;
use permit::Holds;
use places::{Place, Places};
use rate::{Nanos, Rate};
use summary::Summary;

use crate::ban;
use crate::clock::Millis;
use crate::keys::KeyRecord;
use crate::metrics::Metrics;

/// The part of all connections that is reserved for health checks and backends: one in so many.
const RESERVED_PART: u32 = 50;
/// Reserved connections at most.
const MOST_RESERVED: u32 = 200;
/// Reserved places that one address may take, unless it is a trusted proxy.
const RESERVED_PER_ADDRESS: u32 = 8;
/// The part of the free places for unjoined sessions that one address may have: one in so many.
const SHARE: u32 = 4;
/// How many seconds' worth of a rate may come at once.
const BURST_SECONDS: u32 = 10;
/// When to come again after a refusal that passes as others leave.
const SOON: Duration = Duration::from_secs(2);
/// When to come again where one's own connections are in the way.
const LATER: Duration = Duration::from_secs(10);

/// Where a key's sockets on this node come from, and when it was used.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// Sockets in namespaces.
    pub sockets: u32,
    /// The networks that they come from, with the number of sockets.
    pub networks: Vec<(String, u32)>,
    /// The first join since the node started.
    pub first: Option<Millis>,
    /// The last one.
    pub last: Option<Millis>,
}

/// Decides who is let in.
pub struct Admission {
    limits: Limits,
    metrics: Arc<Metrics>,
    started: Instant,
    addresses: Addresses,
    keys: Keys,
    connections: Places,
    sessions: Places,
    unjoined: Places,
    handshakes: Option<Rate>,
    failures: Option<Rate>,
    joins: Option<Rate>,
    summary: Summary,
    /// This node's bans, for others to be told.
    bans: broadcast::Sender<(Client, Duration)>,
}

impl Admission {
    /// Limits for a node that can carry so many connections.
    #[must_use]
    pub fn new(limits: Limits, connections: u32, metrics: Arc<Metrics>) -> Arc<Self> {
        metrics.connections_limit.set(connections.into());
        let reserved = (connections / RESERVED_PART).min(MOST_RESERVED);
        let burst = |rate: u32| Rate::per_second(rate, rate.saturating_mul(BURST_SECONDS));
        Arc::new(Self {
            metrics,
            started: Instant::now(),
            // Those that hold a connection, and those that hold a session through a proxy's.
            addresses: Addresses::new(2 * connections as usize),
            keys: Keys::default(),
            connections: Places::new(connections, reserved),
            sessions: Places::new(connections - reserved, 0),
            unjoined: Places::new(limits.unjoined, 0),
            handshakes: limits.address_handshakes.map(burst),
            failures: limits.address_failed_keys.map(Rate::per_minute),
            joins: limits.key_joins.map(burst),
            summary: Summary::default(),
            bans: broadcast::Sender::new(ban::QUEUE),
            limits,
        })
    }

    /// Sums up refusals in the log and forgets what need not be known, for as long as the runtime
    /// lives.
    pub async fn run(self: Arc<Self>) {
        let mut dropped_before = 0;
        loop {
            tokio::time::sleep(summary::PERIOD).await;
            self.summary.log();
            let dropped = self.metrics.log_lines_dropped.get();
            if dropped > dropped_before {
                tracing::warn!(count = dropped - dropped_before, "log lines were dropped");
                dropped_before = dropped;
            }
            let now = self.now();
            self.addresses.sweep(now);
            self.keys.sweep(now);
        }
    }

    /// Brings the gauges up to date.
    pub fn measure(&self) {
        let (known, banned) = self.addresses.count(self.now());
        let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.metrics.addresses.set(gauge(known));
        self.metrics.banned_addresses.set(gauge(banned));
    }

    /// The client whose request came from `peer` with these headers.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        Client::new(self.limits.trusted_proxies.client(peer, headers))
    }

    /// Counts a refusal, in metrics by reason and in the log by reason and network.
    pub fn refused(&self, reason: &'static str, client: Client) {
        self.metrics.refused(reason);
        self.summary.note(reason, client);
    }

    /// A TCP connection from `peer`.
    ///
    /// # Errors
    /// Every place is taken, or every one that this address may have.
    pub fn connection(self: &Arc<Self>, peer: IpAddr) -> Result<Permit, Refused> {
        let client = Client::new(peer);
        let counted = !self.limits.trusted_proxies.trusts(client.address);
        let Some(place) = self.connections.take() else {
            return Err(self.refuse(Reason::Connections, SOON, client));
        };
        let reserved = place == Place::Reserved;
        if counted {
            let most = limit(self.limits.address_connections);
            let added = self.add(client, |address| {
                if address.connections >= most
                    || (reserved && address.reserved >= RESERVED_PER_ADDRESS)
                {
                    return Err((Reason::AddressConnections, LATER));
                }
                address.connections += 1;
                address.reserved += u32::from(reserved);
                Ok(())
            });
            if let Err(refused) = added {
                self.connections.release();
                return Err(refused);
            }
        }
        let holds = Holds::Connection {
            reserved,
            counted,
            peer: client.address,
        };
        Ok(self.permit(client, holds))
    }

    /// A request that is being answered.
    ///
    /// # Errors
    /// The address has as many in flight as it may have.
    pub fn request(self: &Arc<Self>, client: Client) -> Result<Permit, Refused> {
        let most = limit(self.limits.address_connections);
        self.add(client, |address| {
            if address.requests >= most {
                return Err((Reason::AddressRequests, SOON));
            }
            address.requests += 1;
            Ok(())
        })?;
        Ok(self.permit(client, Holds::Request))
    }

    /// Somebody asks for something without being known yet: a handshake, or a page. To be asked
    /// before a key is looked up. While an address is banned, only requests that show a key pass.
    ///
    /// # Errors
    /// The address comes too often, or is banned.
    pub fn arrive(&self, client: Client, shows_key: bool) -> Result<(), Refused> {
        let now = self.now();
        self.add(client, |address| {
            if address.banned_until > now && !shows_key {
                let left = Duration::from_nanos(address.banned_until - now);
                return Err((Reason::Banned, left));
            }
            take(self.handshakes, &mut address.handshakes, now)
                .map_err(|wait| (Reason::AddressHandshakes, wait))
        })
    }

    /// A handshake, with the key that it showed if that is valid. The permit is the session's.
    ///
    /// # Errors
    /// There is no place for a session, for one of this address, or for one that shows no key.
    pub fn handshake(
        self: &Arc<Self>,
        client: Client,
        key: Option<&KeyRecord>,
    ) -> Result<Permit, Refused> {
        if let Some(key) = key {
            self.admit_key(client, key)?;
        }
        let holds = Holds::Session {
            unjoined: AtomicBool::new(key.is_none()),
            key: key.map(|key| key.id.clone()),
        };
        match self.take_session(client, key.is_none()) {
            Ok(()) => Ok(self.permit(client, holds)),
            Err(refused) => {
                if let Some(key) = key {
                    self.keys.find(&key.id, |key| key.sessions -= 1);
                }
                Err(refused)
            }
        }
    }

    fn take_session(&self, client: Client, unjoined: bool) -> Result<(), Refused> {
        if self.sessions.take().is_none() {
            return Err(self.refuse(Reason::Sessions, SOON, client));
        }
        // The fewer places are free, the fewer may one address have: as those of a flood end,
        // however many addresses it comes from, places stay free for who has none.
        let share = self.unjoined.free() / SHARE;
        if unjoined && self.unjoined.take().is_none() {
            self.sessions.release();
            return Err(self.refuse(Reason::Unjoined, SOON, client));
        }
        let most = limit(self.limits.address_connections);
        let added = self.add(client, |address| {
            if address.sessions >= most {
                return Err((Reason::AddressSessions, LATER));
            }
            if unjoined && address.unjoined >= share.max(1) {
                return Err((Reason::AddressUnjoined, SOON));
            }
            address.sessions += 1;
            address.unjoined += u32::from(unjoined);
            Ok(())
        });
        if added.is_err() {
            self.sessions.release();
            if unjoined {
                self.unjoined.release();
            }
        }
        added
    }

    /// Sessions that showed a key are not bounded with the unjoined ones, so each key has a bound.
    fn admit_key(&self, client: Client, record: &KeyRecord) -> Result<(), Refused> {
        let (now, most) = (self.now(), self.most_sockets(record));
        let admitted = self.keys.with(&record.id, |key| {
            if key.sessions >= most {
                return Err((Reason::KeySockets, LATER));
            }
            take(self.joins, &mut key.joins, now).map_err(|wait| (Reason::KeyJoins, wait))?;
            key.sessions += 1;
            Ok(())
        });
        admitted.map_err(|(reason, wait)| self.refuse(reason, wait, client))
    }

    /// A socket that joins a namespace with a key, at the time `at`. The permit is the socket's.
    ///
    /// # Errors
    /// The key has as many sockets or addresses as it may have, or joins too often.
    pub fn join(
        self: &Arc<Self>,
        client: Client,
        record: &KeyRecord,
        at: Millis,
    ) -> Result<Permit, Refused> {
        let (now, most) = (self.now(), self.most_sockets(record));
        let most_addresses = limit(self.limits.key_addresses) as usize;
        let joined = self.keys.with(&record.id, |key| {
            if key.sockets >= most {
                return Err((Reason::KeySockets, LATER));
            }
            take(self.joins, &mut key.joins, now).map_err(|wait| (Reason::KeyJoins, wait))?;
            if !key.add(client.group(), most_addresses) {
                return Err((Reason::KeyAddresses, LATER));
            }
            key.used = Some((key.used.map_or(at, |(first, _)| first), at));
            Ok(())
        });
        match joined {
            Ok(()) => Ok(self.permit(
                client,
                Holds::Socket {
                    key: record.id.clone(),
                },
            )),
            Err((reason, wait)) => Err(self.refuse(reason, wait, client)),
        }
    }

    /// Where a key is used on this node.
    #[must_use]
    pub fn key_use(&self, id: &str) -> KeyUse {
        let found = self.keys.find(id, |key| KeyUse {
            sockets: key.sockets,
            networks: key
                .prefixes()
                .into_iter()
                .map(|(prefix, sockets)| (prefix.to_string(), sockets))
                .collect(),
            first: key.used.map(|(first, _)| first),
            last: key.used.map(|(_, last)| last),
        });
        found.unwrap_or_default()
    }

    fn most_sockets(&self, record: &KeyRecord) -> u32 {
        let own = record.max_sockets.unwrap_or(u32::MAX);
        limit(self.limits.key_sockets).min(own)
    }

    fn add(
        &self,
        client: Client,
        work: impl FnOnce(&mut Address) -> Result<(), (Reason, Duration)>,
    ) -> Result<(), Refused> {
        let done = self.addresses.with(client.group(), self.now(), work);
        done.unwrap_or(Err((Reason::Addresses, SOON)))
            .map_err(|(reason, wait)| self.refuse(reason, wait, client))
    }

    fn refuse(&self, reason: Reason, retry_after: Duration, client: Client) -> Refused {
        self.refused(reason.name(), client);
        Refused::new(reason, retry_after)
    }

    fn permit(self: &Arc<Self>, client: Client, holds: Holds) -> Permit {
        Permit::new(self.clone(), client.group(), holds)
    }

    fn now(&self) -> Nanos {
        // One at least, so that a fresh state lies in the past. The node would run for 584 years.
        self.started.elapsed().as_nanos() as Nanos + 1
    }
}

fn limit(limit: Option<u32>) -> u32 {
    limit.unwrap_or(u32::MAX)
}

fn take(rate: Option<Rate>, arrival: &mut Nanos, now: Nanos) -> Result<(), Duration> {
    rate.map_or(Ok(()), |rate| rate.take(arrival, now))
}

#[cfg(test)]
mod tests;
