//! The signals that end a long-running verb: Ctrl-C, SIGTERM, and SIGHUP when the terminal goes
//! away.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for them; each call of [`Signals::next`] waits for one more.
pub struct Signals([Signal; 3]);

impl Signals {
    /// Takes the signals over from the system, which would end the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn take() -> anyhow::Result<Self> {
        let take = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self([
            take(SignalKind::interrupt())?,
            take(SignalKind::terminate())?,
            take(SignalKind::hangup())?,
        ]))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// Waits for what tidies up after an interruption; none where the next signal comes first.
    pub async fn unless_again<T>(&mut self, tidying: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = tidying => Some(done),
            () = self.next() => None,
        }
    }
}

/// A runtime for a verb that talks to the network.
///
/// # Errors
/// When the system refuses.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
