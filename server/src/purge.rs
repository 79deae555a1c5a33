//! Expired keys vanish: each node deletes those that it finds now and then. Two nodes may find the
//! same one.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Millis;
use crate::delivery::Context;
use crate::store::{Result, Store};

/// From one search to the next, and from the start to the first.
const PERIOD: Duration = Duration::from_secs(300);
/// Keys that are read at a time.
const PAGE: usize = 200;

/// Searches for as long as the runtime lives.
pub async fn run(context: Arc<Context>) {
    loop {
        tokio::time::sleep(PERIOD).await;
        match expired_keys(&*context.store, context.clock.now()).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "expired keys deleted"),
            Err(error) => tracing::debug!(%error, "the search for expired keys is put off"),
        }
    }
}

/// Deletes the keys that have expired by `now`; returns how many there were.
///
/// # Errors
/// When the store is away; some may be deleted by then.
pub async fn expired_keys(store: &dyn Store, now: Millis) -> Result<usize> {
    let (mut after, mut deleted) = (None::<Arc<str>>, 0);
    loop {
        let page = store.keys(after.as_deref(), PAGE).await?;
        for key in page.iter().filter(|key| key.has_expired(now)) {
            deleted += usize::from(store.revoke_key(&key.id).await?);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
            _ => return Ok(deleted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyRecord;
    use crate::store::Embedded;
    use crate::tasks::Tasks;

    #[tokio::test]
    async fn expired_keys_are_deleted_and_others_stay() {
        let store = Embedded::in_memory(&Tasks::new()).unwrap();
        for number in 0..3 * PAGE as i64 {
            // Every second one ends at its number; the others never do.
            let end = (number % 2 == 0).then_some(Millis(number));
            let issued = KeyRecord::issue("c".into(), vec!["n".into()], Millis(0), end);
            assert!(store.put_key(issued.unwrap().0).await.unwrap());
        }
        let now = Millis(PAGE as i64);
        assert_eq!(expired_keys(&store, now).await.unwrap(), PAGE / 2 + 1);
        assert_eq!(expired_keys(&store, now).await.unwrap(), 0);
        let left = store.keys(None, 10 * PAGE).await.unwrap();
        assert_eq!(left.len(), 3 * PAGE - PAGE / 2 - 1);
        assert!(left.iter().all(|key| !key.has_expired(now)));
    }
}
