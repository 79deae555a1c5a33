//! Reading the store for one socket: from the start what its key has not acknowledged, page by
//! page. Each of its two mailboxes by itself: one whose part of the store is away, or that is always
//! behind, does not hold up the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Subscriber;
use super::queue::PAGE;
use super::subscriber::State;
use crate::clock::Millis;
use crate::message::Position;
use crate::store::{Result, Store, StoreError};

/// How long what this node has noted may take to be stored before a mailbox is read.
const LAST_RECEIPTS: Duration = Duration::from_secs(2);

impl Subscriber {
    /// Reads a mailbox until nothing is missing or there is no room; `pump` starts it again.
    pub(super) async fn read(self: Arc<Self>, index: usize) {
        let mut pause = Duration::from_millis(50);
        while self.goes_on_reading(index) {
            if let Err(error) = self.read_mailbox(index).await {
                tracing::debug!(%error, mailbox = %self.mailboxes[index], "the mailbox cannot be \
                    read yet");
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }

    /// Whether a page is wanted; if not, that ends the reading task.
    fn goes_on_reading(&self, index: usize) -> bool {
        let mut state = self.lock();
        let goes_on = !state.closed && state.queues[index].wants_page();
        state.reading[index] = goes_on;
        goes_on
    }

    async fn read_mailbox(self: &Arc<Self>, index: usize) -> Result<()> {
        let (context, mailbox) = (&self.context, &self.mailboxes[index]);
        self.lock().queues[index].start_reading();
        // What this node has shown and settled must be in the store before it is asked.
        if !context.recorder.flush_of(mailbox, LAST_RECEIPTS).await {
            self.lock().queues[index].stop_reading();
            return Err(StoreError::Unavailable("receipts are still waiting".into()));
        }
        context.metrics.reads_waiting.inc();
        let _turn = context.reads.take().await;
        context.metrics.reads_waiting.dec();
        let until = context.clock.now();
        // What was due before is not for this key.
        let mut after = self.key.since.map(|since| Position {
            deliver_at: Millis(since.0.saturating_sub(1)),
            seq: u64::MAX,
        });
        loop {
            let page = context
                .store
                .backlog(mailbox, self.key.reader(), after, until, PAGE)
                .await;
            let mut state = self.lock();
            let page = page.inspect_err(|_| state.queues[index].stop_reading())?;
            let last = page.len() < PAGE;
            if let Some(waiting) = page.last() {
                after = Some(waiting.message.position());
            }
            let State { queues, past, .. } = &mut *state;
            queues[index].take_page(page, last, |message| past.knows(message));
            self.pump(&mut state, false);
            if last || state.closed {
                return Ok(());
            }
            if !state.queues[index].wants_page() {
                // The window is full. The rest is read when there is room again.
                state.queues[index].stop_reading();
                return Ok(());
            }
        }
    }
}
