//! The keys that this node has issued or looked up, and those revoked lately: put back, or revoked
//! anew, if the store loses them. Without it a plugin that is reconnecting just then would be
//! refused for good.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::keys::KeyRecord;
use crate::store::MAX_KEYS;

/// For how long a revocation is remembered; the store does it as long.
const REVOKED: Duration = Duration::from_secs(3600);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    live: HashMap<Arc<str>, KeyRecord>,
    revoked: HashMap<Arc<str>, Instant>,
}

impl KnownKeys {
    /// Notes a key that the store has. There are never more than the store takes.
    pub(super) fn learn(&mut self, key: KeyRecord) {
        if (self.live.len() as u64) < MAX_KEYS && !self.revoked.contains_key(&*key.id) {
            self.live.insert(Arc::from(&*key.id), key);
        }
    }

    /// Notes that a key is none any more.
    pub(super) fn revoke(&mut self, id: Arc<str>) {
        self.live.remove(&id);
        self.revoked.retain(|_, at| at.elapsed() < REVOKED);
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
