//! The keys that this node has issued or looked up, and those revoked lately: put back, or revoked
//! anew, if the store loses them. Without it a plugin that is reconnecting just then would be
//! refused for good. Those of a part that is away open from memory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::keys::{KeyKind, KeyRecord};
use crate::store::MAX_KEYS;

/// For how long a revocation is remembered; the store does it as long.
const REVOKED: Duration = Duration::from_secs(3600);

/// The keys that this node has issued or looked up, and those revoked lately.
#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    live: HashMap<Arc<str>, KeyRecord>,
    /// Of these, those that somebody said are revoked, until the store is asked.
    doubted: HashSet<Arc<str>>,
    /// Ids of tokens that were not barred.
    open: HashSet<Arc<str>>,
    revoked: HashMap<Arc<str>, Instant>,
}

impl KnownKeys {
    /// Notes a key that the store has. There are never more than the store takes.
    pub(super) fn learn(&mut self, key: KeyRecord) {
        if key.kind == KeyKind::Barred {
            self.bar(key);
        } else if (self.live.len() as u64) < MAX_KEYS && !self.revoked.contains_key(&*key.id) {
            self.doubted.remove(&key.id);
            self.live.insert(key.id.clone(), key);
        }
    }

    /// Notes that a key is said to be revoked, by whom cannot be told.
    pub(super) fn doubt(&mut self, id: &Arc<str>) {
        self.open.remove(id);
        if self.live.contains_key(id) {
            self.doubted.insert(id.clone());
        }
    }

    /// Notes that an id is not barred.
    pub(super) fn learn_open(&mut self, id: &str) {
        if self.open.len() as u64 >= MAX_KEYS {
            // Those that come again are learnt again.
            self.open.clear();
        }
        self.open.insert(id.into());
    }

    /// Whether an id was not barred when this node asked last.
    pub(super) fn is_open(&self, id: &str) -> bool {
        self.open.contains(id)
    }

    /// A key as it was known last; none if that may be wrong.
    pub(super) fn recall(&self, id: &str) -> Option<KeyRecord> {
        let known = self.live.get(id);
        known.filter(|_| !self.doubted.contains(id)).cloned()
    }

    /// Notes that an id is barred, whatever was known of it.
    pub(super) fn bar(&mut self, key: KeyRecord) {
        self.open.remove(&key.id);
        self.revoked.remove(&key.id);
        self.live.insert(key.id.clone(), key);
    }

    /// Notes that a key is none any more. An id that is barred stays so: its record says more.
    pub(super) fn revoke(&mut self, id: Arc<str>) {
        self.revoked.retain(|_, at| at.elapsed() < REVOKED);
        let known = self.live.get(&id);
        if known.is_some_and(|key| key.kind == KeyKind::Barred) {
            return;
        }
        self.live.remove(&id);
        self.doubted.remove(&id);
        self.open.remove(&id);
        self.revoked.insert(id, Instant::now());
    }

    pub(super) fn is_revoked(&self, id: &str) -> bool {
        self.revoked.contains_key(id)
    }

    pub(super) fn live(&self) -> Vec<KeyRecord> {
        self.live.values().cloned().collect()
    }

    pub(super) fn revoked(&self) -> Vec<Arc<str>> {
        self.revoked.keys().cloned().collect()
    }
}
