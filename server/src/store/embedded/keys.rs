//! The keys of the embedded store, by id and by channel. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::keys::KeyRecord;

/// Key records by id and by channel.
#[derive(Debug, Default)]
pub(super) struct Keys {
    records: BTreeMap<Arc<str>, KeyRecord>,
    /// Channel and id.
    by_channel: BTreeSet<(Arc<str>, Arc<str>)>,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&KeyRecord> {
        self.records.get(id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &KeyRecord> {
        self.records.values()
    }

    pub(super) fn insert(&mut self, key: KeyRecord) {
        self.remove(&key.id);
        let place = (key.channel.as_str().into(), key.id.clone());
        self.by_channel.insert(place);
        self.records.insert(key.id.clone(), key);
    }

    pub(super) fn remove(&mut self, id: &str) {
        if let Some(key) = self.records.remove(id) {
            let place = (key.channel.as_str().into(), key.id);
            self.by_channel.remove(&place);
        }
    }

    /// Keys after `after`, by id.
    pub(super) fn after(&self, after: &str, limit: usize) -> Vec<KeyRecord> {
        let after = (Bound::Excluded(after), Bound::Unbounded);
        let keys = self.records.range::<str, _>(after).take(limit);
        keys.map(|(_, key)| key.clone()).collect()
    }

    /// A channel's keys after `after`, by id.
    pub(super) fn of_channel(&self, channel: &str, after: &str, limit: usize) -> Vec<KeyRecord> {
        let from = Bound::Excluded((channel.into(), after.into()));
        let places = self.by_channel.range((from, Bound::Unbounded));
        let own = places.take_while(|(name, _)| **name == *channel);
        let keys = own.filter_map(|(_, id)| self.records.get(id));
        keys.take(limit).cloned().collect()
    }

    /// Channels with their number of keys, by name: those after `after` that begin with `prefix`.
    pub(super) fn channels(&self, prefix: &str, after: &str, limit: usize) -> Vec<(String, u64)> {
        let mut found: Vec<(String, u64)> = Vec::new();
        // No name begins with this character.
        let past = |name: &str| Bound::Excluded((Arc::from(name), Arc::from("\u{10ffff}")));
        let mut from = match after >= prefix && !after.is_empty() {
            true => past(after),
            false => Bound::Included((prefix.into(), "".into())),
        };
        while found.len() < limit
            && let Some((name, _)) = self.by_channel.range((from, Bound::Unbounded)).next()
            && name.starts_with(prefix)
        {
            let start = Bound::Included((name.clone(), "".into()));
            let number = self.by_channel.range((start, past(name))).count();
            // An id that is barred has no channel.
            if !name.is_empty() {
                found.push((name.to_string(), number as u64));
            }
            from = past(name);
        }
        found
    }
}
