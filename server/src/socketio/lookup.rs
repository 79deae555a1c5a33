//! What a client shows to get in, and whether it still holds: a stored key, or a signed token.

use super::handler::Handler;
use crate::clock::Millis;
use crate::keys::{KeyKind, KeyRecord};
use crate::store::{self, Store as _, StoreError};
use crate::tokens::TokenKeys;

/// Why what was shown opens nothing, where no more may be said.
pub(super) const UNKNOWN: &str = "This key is unknown, revoked or expired";

impl Handler {
    /// The record that `shown` stands for, or why it is refused.
    ///
    /// # Errors
    /// When it cannot be known now: the store is away, or no token key has been read yet.
    pub(super) async fn find_key(
        &self,
        shown: &str,
        now: Millis,
    ) -> Result<Result<KeyRecord, String>, StoreError> {
        let tokens = self.settings.token_keys.as_ref();
        let Some(tokens) = tokens.filter(|_| TokenKeys::is_token(shown)) else {
            let found = store::find_key(&*self.context.store, shown, now).await?;
            return Ok(found.ok_or_else(|| UNKNOWN.to_owned()));
        };
        let read = tokens.read(shown, now).ok_or_else(|| {
            StoreError::Unavailable("the key set of tokens has not been read yet".into())
        })?;
        let record = match read {
            Ok(record) => record,
            Err(refused) => return Ok(Err(refused.to_string())),
        };
        Ok(match self.context.store.is_barred(&record.id).await? {
            true => Err(UNKNOWN.to_owned()),
            false => Ok(record),
        })
    }

    /// The record as it is now, of one that was right before; none if it is no more.
    ///
    /// # Errors
    /// When the store is away.
    pub(super) async fn current(
        &self,
        key: &KeyRecord,
        now: Millis,
    ) -> Result<Option<KeyRecord>, StoreError> {
        let store = &self.context.store;
        let current = match key.is_token() {
            true if store.is_barred(&key.id).await? => None,
            true => Some(key.clone()),
            false => store.key(&key.id).await?,
        };
        Ok(current.filter(|key| key.kind != KeyKind::Barred && !key.has_expired(now)))
    }
}
