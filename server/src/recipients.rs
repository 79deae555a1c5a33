//! Mailboxes that are known to have a key, so that the store is not asked of each message.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::message::Mailbox;

/// For how long it is believed that a channel has a key.
const BELIEVED: Duration = Duration::from_secs(60);
/// Channels of which that is remembered.
const MOST: usize = 16_384;

/// Mailboxes for which there was a key, and when that was seen.
#[derive(Debug, Default)]
pub struct Recipients(Mutex<HashMap<Mailbox, Instant>>);

impl Recipients {
    /// Whether it had one a moment ago.
    #[must_use]
    pub fn has(&self, mailbox: &Mailbox) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(mailbox).is_some_and(|at| at.elapsed() < BELIEVED)
    }

    /// Notes that it has one.
    pub fn learn(&self, mailbox: &Mailbox) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, at| at.elapsed() < BELIEVED);
        }
        if known.len() < MOST {
            known.insert(mailbox.clone(), Instant::now());
        }
    }
}
