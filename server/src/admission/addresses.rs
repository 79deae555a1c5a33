//! What is known of each address: what it holds, how fast it comes, and whether it is banned.
//!
//! The table is bounded. An address that holds nothing and has come slowly is forgotten first, then
//! the bans that end soonest. What an address holds is never forgotten: it is bounded by the node's
//! connections and sessions, for which the table has room.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use super::client::{Group, Prefix};
use super::rate::{Arrival, Nanos};

/// Parts of the table with a lock of their own. A power of two.
const SHARDS: usize = 64;
/// Addresses beyond those that hold something: recent ones and banned ones.
const ROOM: usize = 200_000;
/// How long the number of an address's bans is remembered after the last one has ended.
const BAN_MEMORY: Nanos = 3_600 * 1_000_000_000;

/// What is known of one address.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Address {
    /// TCP connections.
    pub(super) connections: u32,
    /// Of them, those in the places that are reserved.
    pub(super) reserved: u32,
    /// Requests that are being answered.
    pub(super) requests: u32,
    /// Sessions.
    pub(super) sessions: u32,
    /// Of them, those that have joined nothing and showed no key.
    pub(super) unjoined: u32,
    /// Handshakes and other requests without a key.
    pub(super) handshakes: Arrival,
    /// Keys that were none.
    pub(super) failures: Arrival,
    /// When the last ban ends.
    pub(super) banned_until: Nanos,
    /// Bans in a row.
    pub(super) bans: u32,
}

impl Address {
    fn holds(&self) -> bool {
        self.connections > 0 || self.requests > 0 || self.sessions > 0
    }

    /// Whether forgetting it would let it do no more than it may.
    fn is_forgettable(&self, now: Nanos) -> bool {
        !self.holds()
            && self.handshakes <= now
            && self.failures <= now
            && (self.bans == 0 || self.banned_until.saturating_add(BAN_MEMORY) <= now)
    }

    /// Forgets its bans if the last one is long over.
    pub(super) fn forgive(&mut self, now: Nanos) {
        if self.banned_until.saturating_add(BAN_MEMORY) <= now {
            self.bans = 0;
        }
    }
}

/// A network with banned addresses.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Banned {
    pub(super) network: Prefix,
    /// How many are banned.
    pub(super) addresses: usize,
    /// When the last of their bans ends.
    pub(super) until: Nanos,
}

type Shard = HashMap<Group, Address>;

/// The table of addresses.
pub(super) struct Addresses {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// Addresses in one shard.
    most: usize,
}

impl Addresses {
    /// A table with room for so many addresses that hold something.
    pub(super) fn new(holders: usize) -> Self {
        Self::with_room(ROOM, holders)
    }

    fn with_room(room: usize, holders: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        // Addresses do not spread quite evenly: half as much again for each shard.
        let most = (room + holders.saturating_mul(3) / 2) / SHARDS;
        Self {
            shards,
            hasher: RandomState::new(),
            most,
        }
    }

    fn shard(&self, group: Group) -> &Mutex<Shard> {
        // The high bits: the map itself uses the low ones of a hash of its own.
        let hash = self.hasher.hash_one(group) as usize;
        &self.shards[hash % SHARDS]
    }

    /// Works on an address that is known or becomes so. None if the table is full of addresses that
    /// hold something.
    pub(super) fn with<T>(
        &self,
        group: Group,
        now: Nanos,
        work: impl FnOnce(&mut Address) -> T,
    ) -> Option<T> {
        let mut shard = lock(self.shard(group));
        if shard.len() >= self.most && !shard.contains_key(&group) && !make_room(&mut shard, now) {
            return None;
        }
        Some(work(shard.entry(group).or_default()))
    }

    /// Works on an address that holds something.
    pub(super) fn release(&self, group: Group, work: impl FnOnce(&mut Address)) {
        if let Some(address) = lock(self.shard(group)).get_mut(&group) {
            work(address);
        }
    }

    /// Forgets what need not be known, and gives memory back.
    pub(super) fn sweep(&self, now: Nanos) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.retain(|_, address| !address.is_forgettable(now));
            if shard.capacity() > 4 * shard.len() + 64 {
                shard.shrink_to_fit();
            }
        }
    }

    /// Addresses known, and those of them that are banned.
    pub(super) fn count(&self, now: Nanos) -> (usize, usize) {
        let counts = self.shards.iter().map(|shard| {
            let shard = lock(shard);
            let banned = shard.values().filter(|a| a.banned_until > now).count();
            (shard.len(), banned)
        });
        counts.fold((0, 0), |(all, banned), (a, b)| (all + a, banned + b))
    }

    /// The networks of banned addresses: how many of each are, and when the last of them ends. The
    /// `most` that end last, and how many others there are.
    pub(super) fn banned(&self, now: Nanos, most: usize) -> (Vec<Banned>, usize) {
        let mut networks: HashMap<Prefix, (usize, Nanos)> = HashMap::new();
        for shard in &self.shards {
            for (group, address) in lock(shard).iter() {
                if address.banned_until > now {
                    let (count, until) = networks.entry(group.prefix()).or_default();
                    *count += 1;
                    *until = address.banned_until.max(*until);
                }
            }
        }
        let mut all: Vec<_> = networks
            .into_iter()
            .map(|(network, (addresses, until))| Banned {
                network,
                addresses,
                until,
            })
            .collect();
        all.sort_unstable_by_key(|banned| std::cmp::Reverse((banned.until, banned.network)));
        let others = all.len().saturating_sub(most);
        all.truncate(most);
        (all, others)
    }

    /// Bytes that the table takes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        // Seven eighths of a map's buckets are its capacity; each has a byte of its own beside the
        // entry.
        let bucket = size_of::<(Group, Address)>() + 1;
        let buckets = |shard: &Mutex<Shard>| (lock(shard).capacity() * 8 / 7).next_power_of_two();
        self.shards.iter().map(buckets).sum::<usize>() * bucket
    }
}

/// Forgets some addresses. False if all of them hold something.
fn make_room(shard: &mut Shard, now: Nanos) -> bool {
    let before = shard.len();
    shard.retain(|_, address| !address.is_forgettable(now));
    if shard.len() < before {
        return true;
    }
    // All are recent: those that hold nothing go, the sooner their bans end. An eighth at once, so
    // that a flood of new addresses does not look through the table for each of them.
    let mut idle: Vec<_> = shard
        .iter()
        .filter(|(_, address)| !address.holds())
        .map(|(group, address)| (address.banned_until, *group))
        .collect();
    idle.sort_unstable();
    idle.truncate(before / 8 + 1);
    for (_, group) in &idle {
        shard.remove(group);
    }
    !idle.is_empty()
}

fn lock(shard: &Mutex<Shard>) -> std::sync::MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    fn group(number: u32) -> Group {
        Group::of(Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn a_million_addresses_cost_less_than_64_megabytes() {
        let table = Addresses::new(2 * 20_000);
        for number in 0..1_000_000 {
            // Each is banned, which is remembered longest.
            let done = table.with(group(number), SECOND, |address| {
                address.bans = 1;
                address.banned_until = 600 * SECOND + u64::from(number);
            });
            assert!(done.is_some());
        }
        let (known, banned) = table.count(SECOND);
        assert!(known == banned && known > ROOM / 2, "{known} {banned}");
        assert!(table.bytes() < 64 << 20, "{} bytes", table.bytes());
        // An hour after the last ban, all are forgotten and the memory is back.
        table.sweep(600 * SECOND + BAN_MEMORY + SECOND);
        assert_eq!(table.count(SECOND), (0, 0));
        assert!(table.bytes() < 1 << 16, "{} bytes", table.bytes());
    }

    #[test]
    fn what_an_address_holds_is_never_forgotten() {
        let table = Addresses::with_room(6_400, 1_000);
        for number in 0..1_000 {
            table.with(group(number), 0, |address| address.sessions += 1);
        }
        for number in 1_000..30_000 {
            table.with(group(number), 0, |address| address.handshakes = SECOND);
        }
        for number in 0..1_000 {
            let held = table.with(group(number), 0, |address| address.sessions);
            assert_eq!(held, Some(1));
        }
    }

    #[test]
    fn the_longest_bans_stay_when_room_is_needed() {
        let table = Addresses::with_room(12_800, 0);
        for number in 0..25_000 {
            table.with(group(number), 0, |address| {
                address.bans = 1;
                // Every tenth for long.
                let long = if number % 10 == 0 { 600 } else { 10 };
                address.banned_until = long * SECOND;
            });
        }
        let kept = |step_by: usize, from: u32| {
            let numbers = (from..25_000).step_by(step_by);
            numbers
                .filter(|number| {
                    let found = table.with(group(*number), 0, |address| address.bans);
                    found == Some(1)
                })
                .count()
        };
        assert!(kept(10, 0) > 2_400, "{}", kept(10, 0));
    }

    #[test]
    fn banned_addresses_are_told_by_network() {
        let table = Addresses::new(100);
        for (number, until) in [(1, 20), (2, 30), (300, 10), (600, 0)] {
            table.with(group(number), 0, |address| {
                address.banned_until = until * SECOND;
            });
        }
        let told = |most| {
            let (banned, others) = table.banned(SECOND, most);
            let banned: Vec<_> = banned
                .into_iter()
                .map(|one| (one.network.to_string(), one.addresses, one.until / SECOND))
                .collect();
            (banned, others)
        };
        let first = ("0.0.0.0/24".to_owned(), 2, 30);
        let second = ("0.0.1.0/24".to_owned(), 1, 10);
        assert_eq!(told(10), (vec![first.clone(), second], 0));
        assert_eq!(told(1), (vec![first], 1));
        assert_eq!(table.banned(40 * SECOND, 10), (vec![], 0));
    }

    #[test]
    fn a_table_full_of_holders_says_so() {
        let table = Addresses::with_room(12_800, 0);
        let refused = (0..25_000)
            .filter(|number| {
                let done = table.with(group(*number), 0, |address| address.connections = 1);
                done.is_none()
            })
            .count();
        assert!(refused > 0);
    }
}
