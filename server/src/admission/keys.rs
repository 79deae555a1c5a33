//! What is known of each plugin key that is in use on this node: its sockets, where they come from,
//! how fast they come, and when they came first and last.
//!
//! Only keys that exist get here, so the table is bounded by their number and by what is swept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client::{Group, Prefix};
use super::rate::{Arrival, Nanos};
use crate::clock::Millis;

/// Keys without sockets whose last use is remembered.
const REMEMBERED: usize = 20_000;

/// What is known of one key.
#[derive(Debug, Default)]
pub(super) struct Key {
    /// Sockets in namespaces.
    pub(super) sockets: u32,
    /// Sessions whose handshake showed the key.
    pub(super) sessions: u32,
    /// Handshakes and joins.
    pub(super) joins: Arrival,
    /// Where the sockets come from, with their number.
    pub(super) addresses: Vec<(Group, u32)>,
    /// When it joined first and last, since the node started.
    pub(super) used: Option<(Millis, Millis)>,
}

impl Key {
    fn is_idle(&self, now: Nanos) -> bool {
        self.sockets == 0 && self.sessions == 0 && self.joins <= now
    }

    /// Adds a socket from an address. False if that would be one address too many.
    pub(super) fn add(&mut self, group: Group, most_addresses: usize) -> bool {
        let known = self.addresses.iter().position(|(g, _)| *g == group);
        match known {
            Some(index) => self.addresses[index].1 += 1,
            None if self.addresses.len() >= most_addresses => return false,
            None => self.addresses.push((group, 1)),
        }
        self.sockets += 1;
        true
    }

    /// Takes a socket away.
    pub(super) fn remove(&mut self, group: Group) {
        self.sockets = self.sockets.saturating_sub(1);
        if let Some(index) = self.addresses.iter().position(|(g, _)| *g == group) {
            self.addresses[index].1 -= 1;
            if self.addresses[index].1 == 0 {
                self.addresses.swap_remove(index);
            }
        }
    }

    /// The networks of its sockets, each once, with their number.
    pub(super) fn prefixes(&self) -> Vec<(Prefix, u32)> {
        let mut counts = HashMap::new();
        for (group, sockets) in &self.addresses {
            *counts.entry(group.prefix()).or_default() += sockets;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable();
        counts
    }
}

/// The plugin keys that are in use on this node.
#[derive(Default)]
pub(super) struct Keys(Mutex<HashMap<Arc<str>, Key>>);

impl Keys {
    /// Works on a key that is known or becomes so.
    pub(super) fn with<T>(&self, id: &Arc<str>, work: impl FnOnce(&mut Key) -> T) -> T {
        work(self.lock().entry(id.clone()).or_default())
    }

    /// Works on a key that is known.
    pub(super) fn find<T>(&self, id: &str, work: impl FnOnce(&mut Key) -> T) -> Option<T> {
        self.lock().get_mut(id).map(work)
    }

    /// Forgets the keys that are not used, those that were used last excepted.
    pub(super) fn sweep(&self, now: Nanos) {
        let mut keys = self.lock();
        keys.retain(|_, key| !key.is_idle(now) || key.used.is_some());
        let mut idle: Vec<_> = keys
            .iter()
            .filter(|(_, key)| key.is_idle(now))
            .filter_map(|(id, key)| Some((key.used?.1, id.clone())))
            .collect();
        if idle.len() > REMEMBERED {
            idle.sort_unstable();
            idle.truncate(idle.len() - REMEMBERED);
            for (_, id) in idle {
                keys.remove(&id);
            }
        }
        if keys.capacity() > 4 * keys.len() + 64 {
            keys.shrink_to_fit();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(text: &str) -> Group {
        Group::of(text.parse().unwrap())
    }

    #[test]
    fn sockets_are_counted_by_address() {
        let mut key = Key::default();
        assert!(key.add(group("192.0.2.1"), 2));
        assert!(key.add(group("192.0.2.1"), 2));
        assert!(key.add(group("192.0.2.2"), 2));
        assert!(!key.add(group("192.0.2.3"), 2), "a third address");
        assert_eq!(key.sockets, 3);
        let prefixes = key.prefixes();
        assert_eq!(prefixes.len(), 1);
        assert_eq!(prefixes[0].1, 3);
        key.remove(group("192.0.2.2"));
        assert!(key.add(group("192.0.2.3"), 2), "a place is free again");
    }

    #[test]
    fn only_so_many_unused_keys_are_remembered() {
        let keys = Keys::default();
        for number in 0..REMEMBERED as i64 + 10 {
            let id: Arc<str> = number.to_string().into();
            keys.with(&id, |key| key.used = Some((Millis(number), Millis(number))));
        }
        keys.with(&"held".into(), |key| key.sockets = 1);
        keys.with(&"unused".into(), |_| {});
        keys.sweep(1);
        assert!(keys.find("9", |_| ()).is_none(), "the oldest go");
        assert!(keys.find("10", |_| ()).is_some());
        assert!(keys.find("held", |_| ()).is_some());
        assert!(keys.find("unused", |_| ()).is_none());
    }
}
