//! The end of a key: its sockets are sent away, unless it was prolonged meanwhile. A stored key is
//! prolonged by the backend; a token by a newer one, which the client sends in the event `refresh`.

use std::sync::Arc;

use tokio::task::AbortHandle;
use tokio::time::sleep_until;

use super::handler::Handler;
use super::session::Session;
use crate::clock::Millis;
use crate::delivery::Subscriber;
use crate::engine::How;
use crate::keys::KeyRecord;

impl Handler {
    /// Sends the socket away at the end of its key, if that has one.
    pub(super) fn watch_expiry(
        self: &Arc<Self>,
        key: &KeyRecord,
        subscriber: &Arc<Subscriber>,
        session: &Arc<Session>,
    ) -> Option<AbortHandle> {
        let end = key.expires_at?;
        let (handler, key) = (self.clone(), key.clone());
        let (subscriber, session) = (Arc::downgrade(subscriber), Arc::downgrade(session));
        let task = tokio::spawn(async move {
            let mut end = end;
            loop {
                sleep_until(handler.context.clock.instant(end)).await;
                let Some((subscriber, session)) = subscriber.upgrade().zip(session.upgrade())
                else {
                    return;
                };
                match handler.later_end(&key, end).await {
                    After::Ended => return subscriber.dismiss(),
                    After::Prolonged(Some(later)) => end = later,
                    After::Prolonged(None) => return,
                    // A dismissal would be final for the client; so it comes back and asks anew.
                    After::Unknown => {
                        return session.engine.close(How::Moved, "store_unavailable");
                    }
                }
            }
        });
        Some(task.abort_handle())
    }

    async fn later_end(&self, key: &KeyRecord, end: Millis) -> After {
        if key.is_token() {
            return After::Ended;
        }
        match self.current(key, end).await {
            Ok(Some(current)) => After::Prolonged(current.expires_at),
            Ok(None) => After::Ended,
            Err(_) => After::Unknown,
        }
    }

    /// Takes what a client shows instead of what its socket joined with: the same key with a later
    /// end. Returns what the client is told.
    pub(super) async fn refresh(
        self: &Arc<Self>,
        session: &Arc<Session>,
        subscriber: &Arc<Subscriber>,
        namespace: &str,
        shown: &str,
    ) -> &'static str {
        let key = match self.find_key(shown, self.context.clock.now()).await {
            Ok(Ok(key)) => key,
            Ok(Err(why)) => {
                tracing::debug!(connection = session.name, why, "refresh refused");
                self.admission.refused("invalid_key", session.client);
                self.admission.failed_key(session.client);
                return "invalid_key";
            }
            Err(_) => return "unavailable",
        };
        let joined = &subscriber.key;
        let is_same = key.id == joined.id && key.channel == joined.channel;
        if !is_same || !key.namespaces.iter().any(|opened| opened == namespace) {
            self.admission.refused("forbidden", session.client);
            return "forbidden";
        }
        let expiry = self.watch_expiry(&key, subscriber, session);
        session.replace_expiry(subscriber, expiry);
        tracing::debug!(connection = session.name, namespace, key = %key.id, "refreshed");
        "refreshed"
    }
}

/// What comes after the end of a key, as it was known.
enum After {
    Ended,
    /// A later end, or none.
    Prolonged(Option<Millis>),
    /// The store is away.
    Unknown,
}
