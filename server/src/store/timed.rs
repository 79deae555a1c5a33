//! A store under watch: every call is bounded in time and measured, and the last outcome is
//! remembered.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout};

use super::{
    Announcement, Cancelled, Draft, Expired, Held, Part, Parts, Published, Receipt, Restored,
    Result, Store, StoreError, Swept, Tally, Waiting, Wanted,
};
use crate::ban::Ban;
use crate::clock::Millis;
use crate::keys::{KeyRecord, KeyUse};
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::metrics::{Metrics, StoreCall};

/// How long a call may take; a publisher is told within this time that the store is away.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Wraps a store; see the module.
pub struct Timed<S: ?Sized> {
    metrics: Arc<Metrics>,
    /// When a call failed, until one that began later succeeds: a late answer to an earlier one
    /// says nothing of now.
    failed: Mutex<Option<Instant>>,
    inner: Arc<S>,
}

impl<S: Store + ?Sized> Timed<S> {
    /// Watches `inner`.
    #[must_use]
    pub fn new(inner: Arc<S>, metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            failed: Mutex::default(),
            inner,
        }
    }

    /// Whether a call failed, and none that began since has succeeded.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.failed().is_some()
    }

    /// Why messages are not stored now; none if they are.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let away = || {
            self.is_away()
                .then(|| "the store does not answer".to_owned())
        };
        self.inner.trouble().or_else(away)
    }

    fn failed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call<T>(
        &self,
        call: &'static str,
        answer: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let bounded = async {
            timeout(PATIENCE, answer).await.unwrap_or_else(|_| {
                Err(StoreError::Unavailable(format!(
                    "no answer to `{call}` within {} s",
                    PATIENCE.as_secs()
                )))
            })
        };
        self.watch(call, bounded).await
    }

    /// Measures a call, and notes how it ended.
    async fn watch<T>(
        &self,
        call: &'static str,
        answer: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let start = Instant::now();
        let answer = answer.await;
        let outcome = if answer.is_ok() { "ok" } else { "unavailable" };
        self.metrics
            .store
            .get_or_create(&StoreCall { call, outcome })
            .observe(start.elapsed().as_secs_f64());
        if answer.is_err() {
            self.metrics.store_errors.inc();
        }
        self.note(call, start, answer.as_ref().err());
        answer
    }

    /// Notes how a call ended that began at `start`, and logs when that is news.
    fn note(&self, call: &'static str, start: Instant, error: Option<&StoreError>) {
        let mut failed = self.failed();
        match (*failed, error) {
            // It answers; what its disk is like, `trouble` says.
            (_, Some(StoreError::Disk(_))) => {}
            (before, Some(error)) => {
                *failed = Some(Instant::now());
                if before.is_none() {
                    tracing::error!(call, %error, "the store is away; deliveries go on from \
                                                   memory");
                }
            }
            // Until all of it is: else each call to another part would tell of a change.
            (Some(at), None) if start >= at && self.inner.trouble().is_none() => {
                *failed = None;
                tracing::info!(call, "the store is back");
            }
            (_, None) => {}
        }
    }
}

/// Forwards calls one to one, each timed under its own name.
macro_rules! timed {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $answer:ty;)*) => {
        #[async_trait]
        impl<S: Store + ?Sized> Store for Timed<S> {
            $(async fn $name(&self $(, $arg: $type)*) -> Result<$answer> {
                self.call(stringify!($name), self.inner.$name($($arg),*)).await
            })*

            /// As long as it takes: cut short, it would retire messages that nobody is told of.
            async fn expire(&self, now: Millis, limit: usize) -> Result<Vec<Expired>> {
                self.watch("expire", self.inner.expire(now, limit)).await
            }

            /// As long as it takes: it is many calls, and each attempt that were cut short would
            /// begin anew.
            async fn restore(&self, held: Held) -> Result<Restored> {
                self.inner.restore(held).await
            }

            fn parts(&self) -> Parts {
                self.inner.parts()
            }

            fn part_of(&self, mailbox: &Mailbox) -> Part {
                self.inner.part_of(mailbox)
            }

            async fn announcements(&self, wanted: Wanted) -> broadcast::Receiver<Announcement> {
                self.inner.announcements(wanted).await
            }
        }
    };
}

timed! {
    fn now(&self) -> i64;
    fn publish(&self, drafts: Vec<Draft>) -> Vec<Published>;
    fn status(&self, mailbox: &Mailbox, id: &str) -> Option<Status>;
    fn list(&self, mailbox: &Mailbox, before: Option<Position>, limit: usize) -> Vec<Status>;
    fn tally(&self, mailbox: &Mailbox) -> Tally;
    fn cancel(&self, mailbox: &Mailbox, id: &str) -> Cancelled;
    fn backlog(&self, mailbox: &Mailbox, key: &str, after: Option<Position>, until: Millis, limit: usize) -> Vec<Waiting>;
    fn sweep(&self, mailbox: &Mailbox, seq: Option<u64>, after: Millis, until: Millis) -> Swept;
    fn record(&self, receipts: Vec<Receipt>) -> ();
    fn note(&self, notes: Vec<(Arc<Message>, Note)>) -> ();
    fn put_key(&self, key: KeyRecord) -> bool;
    fn prolong_key(&self, key: KeyRecord) -> bool;
    fn bar_key(&self, key: KeyRecord) -> bool;
    fn key(&self, id: &str) -> Option<KeyRecord>;
    fn is_barred(&self, id: &str) -> bool;
    fn keys(&self, after: Option<&str>, limit: usize) -> Vec<KeyRecord>;
    fn revoke_key(&self, id: &str) -> bool;
    fn set_presence(&self, node: &str, changes: &[(Mailbox, u32)]) -> ();
    fn places(&self, mailboxes: &[Mailbox]) -> Vec<Vec<(String, u32)>>;
    fn keys_of(&self, channel: &str, after: Option<&str>, limit: usize) -> Vec<KeyRecord>;
    fn channels(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<(String, u64)>;
    fn record_uses(&self, uses: Vec<(Arc<str>, KeyUse)>) -> ();
    fn uses(&self, ids: &[Arc<str>]) -> Vec<Option<KeyUse>>;
    fn announce_ban(&self, ban: Ban) -> ();
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::store::Embedded;

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_an_earlier_call_says_nothing_of_now() {
        let metrics = Arc::new(Metrics::new());
        let timed = Timed::new(Arc::new(Embedded::in_memory().unwrap()), metrics);
        let slow = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(())
        };
        let slow = timed.call("slow", slow);
        let fails = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err::<(), _>(StoreError::Unavailable("away".into()))
        };
        let fails = timed.call("fails", fails);
        let (answer, failure) = tokio::join!(slow, fails);
        assert!(answer.is_ok() && failure.is_err() && timed.is_away());
        assert!(timed.call("now", ready(Ok(()))).await.is_ok());
        assert!(!timed.is_away());
    }
}
