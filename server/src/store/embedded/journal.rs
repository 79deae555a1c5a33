//! The journal of a store that survives its process: a thread that writes changes and has them on
//! the disk before anybody is told of them.
//!
//! While one write is on its way, changes gather and share the next: throughput grows with load.
//! After a failed write the disk's state is unknown: a snapshot of everything begins anew. It is
//! tried until the disk takes it; no change is taken meanwhile.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, oneshot};

use super::change::Change;
use super::contents::Contents;
use super::segments::{Segment, Segments};
use crate::store::{Announcement, Result, StoreError};
use crate::tasks::Tasks;

/// Changes that may wait; beyond it the store is overloaded.
const QUEUE: usize = 65_536;
/// A journal shorter than this is not worth a snapshot, in bytes.
const SHORT: u64 = 16 << 20;
/// From a failed write to the next try.
const RETRY: Duration = Duration::from_millis(500);
/// For as long as nothing comes, there is nothing to do.
const IDLE: Duration = Duration::from_secs(3600);

/// The handle of the journal's thread, which ends with it.
pub(super) struct Journal {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    comes: Condvar,
    /// Why the last write failed, until one succeeds.
    broken: Mutex<Option<String>>,
}

/// What waits to be written.
#[derive(Default)]
struct Waiting {
    changes: Vec<Change>,
    announced: Vec<Announcement>,
    callers: Vec<oneshot::Sender<()>>,
    closed: bool,
    /// Whether the next write is to fail.
    #[cfg(test)]
    fails: bool,
}

/// Answered once everything up to a change is on the disk.
pub(super) struct Ticket(oneshot::Receiver<()>);

impl Ticket {
    /// Waits for that.
    ///
    /// # Errors
    /// When the disk did not take it; it may later.
    pub(super) async fn written(self) -> Result<()> {
        self.0
            .await
            .map_err(|_| StoreError::Unavailable("the disk does not take the journal".into()))
    }
}

impl Journal {
    /// Starts the thread, behind segment `last`.
    ///
    /// # Errors
    /// When the disk or threads are short.
    pub(super) fn start(
        segments: Segments,
        last: u64,
        contents: Arc<Mutex<Contents>>,
        announcements: broadcast::Sender<Announcement>,
        tasks: &Tasks,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            segment: Some(segments.begin(last + 1)?),
            segments: Arc::new(segments),
            next: last + 2,
            enough: SHORT,
            contents,
            announcements,
            compacting: None,
        };
        let handle = shared.clone();
        tasks.spawn_thread("journal", move || writer.run(&handle))?;
        Ok(Self { shared })
    }

    /// Why nothing can be written now, if nothing can.
    pub(super) fn broken(&self) -> Option<String> {
        self.shared.broken().clone()
    }

    /// Whether more changes wait than can be written soon.
    pub(super) fn is_overloaded(&self) -> bool {
        self.shared.lock().changes.len() > QUEUE
    }

    /// Makes the next write fail, as a disk does.
    #[cfg(test)]
    pub(super) fn fail_next_write(&self) {
        self.shared.lock().fails = true;
    }

    /// Takes changes; the caller holds the contents, so that they come in its order.
    pub(super) fn append(&self, (changes, announced): (Vec<Change>, Vec<Announcement>)) -> Ticket {
        let (caller, written) = oneshot::channel();
        let mut waiting = self.shared.lock();
        waiting.changes.extend(changes);
        waiting.announced.extend(announced);
        waiting.callers.push(caller);
        self.shared.comes.notify_one();
        Ticket(written)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.comes.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self) -> MutexGuard<'_, Option<String>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has gathered; waits for something, or no longer than `at_most`. None at the end.
    fn take(&self, at_most: Duration) -> Option<Waiting> {
        let mut waiting = self.lock();
        while waiting.callers.is_empty() {
            if waiting.closed {
                return None;
            }
            let woken = self.comes.wait_timeout(waiting, at_most);
            let (still, waited) = woken.unwrap_or_else(PoisonError::into_inner);
            waiting = still;
            if waited.timed_out() {
                break;
            }
        }
        let closed = waiting.closed;
        let taken = std::mem::take(&mut *waiting);
        waiting.closed = closed;
        Some(taken)
    }
}

struct Writer {
    /// None after a failed write.
    segment: Option<Segment>,
    segments: Arc<Segments>,
    /// The number of the next segment.
    next: u64,
    /// A segment of this length ends with a snapshot, in bytes.
    enough: u64,
    contents: Arc<Mutex<Contents>>,
    announcements: broadcast::Sender<Announcement>,
    compacting: Option<std::thread::JoinHandle<io::Result<u64>>>,
}

impl Writer {
    fn run(mut self, shared: &Shared) {
        let mut untold = Vec::new();
        let mut pause = IDLE;
        while let Some(mut batch) = shared.take(pause) {
            untold.append(&mut batch.announced);
            match self.write(&batch) {
                Ok(()) => {
                    pause = IDLE;
                    shared.broken().take();
                    for announcement in untold.drain(..) {
                        // Nobody listens while a server starts or stops.
                        let _ = self.announcements.send(announcement);
                    }
                    for caller in batch.callers {
                        // A caller that gave up waiting needs no answer.
                        let _ = caller.send(());
                    }
                }
                Err(error) => {
                    // Once for each time; the callers are dropped, and learn of it so.
                    if shared.broken().replace(error.to_string()).is_none() {
                        tracing::error!(%error, "the journal cannot be written; nothing is stored \
                                                 until it can");
                    }
                    self.segment = None;
                    pause = RETRY;
                }
            }
        }
        if let Some(compacting) = self.compacting.take() {
            self.compacted(compacting);
        }
    }

    fn write(&mut self, batch: &Waiting) -> io::Result<()> {
        #[cfg(test)]
        if batch.fails {
            return Err(io::Error::other("made to fail"));
        }
        let changes = batch.changes.as_slice();
        match &mut self.segment {
            // Everything is in the contents, this batch and that which failed.
            None => return self.begin_anew(),
            Some(_) if changes.is_empty() => {}
            Some(segment) => segment.append(changes)?,
        }
        self.compact()
    }

    /// Writes everything into a snapshot, and goes on behind it.
    fn begin_anew(&mut self) -> io::Result<()> {
        if let Some(compacting) = self.compacting.take() {
            self.compacted(compacting);
        }
        let number = self.next;
        self.next += 2;
        self.segments.snapshot(number, everything(&self.contents))?;
        self.segment = Some(self.segments.begin(number + 1)?);
        tracing::info!("the journal is written again");
        Ok(())
    }

    /// Begins a snapshot of what a long segment came to, beside everything else.
    fn compact(&mut self) -> io::Result<()> {
        if let Some(compacting) = self.compacting.take_if(|running| running.is_finished()) {
            self.compacted(compacting);
        }
        let Some(segment) = &self.segment else {
            return Ok(());
        };
        if segment.length < self.enough || self.compacting.is_some() {
            return Ok(());
        }
        let number = segment.number;
        self.segment = Some(self.segments.begin(self.next)?);
        self.next += 1;
        let (segments, contents) = (self.segments.clone(), self.contents.clone());
        let snapshot = move || segments.snapshot(number, everything(&contents));
        let thread = std::thread::Builder::new().name("snapshot".into());
        self.compacting = Some(thread.spawn(snapshot)?);
        Ok(())
    }

    fn compacted(&mut self, compacting: std::thread::JoinHandle<io::Result<u64>>) {
        match compacting.join() {
            // As long as the journal is shorter than what it comes to, it costs less to read it.
            Ok(Ok(length)) => self.enough = length.max(SHORT),
            Ok(Err(error)) => tracing::error!(%error, "the journal cannot be shortened"),
            Err(_) => tracing::error!("the journal cannot be shortened"),
        }
    }
}

/// Everything in the contents, mailbox by mailbox: what changes meanwhile is in the segment that
/// follows, and does no harm if it comes twice.
fn everything(contents: &Mutex<Contents>) -> impl Iterator<Item = Change> {
    let lock = || contents.lock().unwrap_or_else(PoisonError::into_inner);
    let (head, mailboxes) = {
        let contents = lock();
        (contents.head_as_changes(), contents.mailboxes())
    };
    let messages = mailboxes
        .into_iter()
        .flat_map(move |mailbox| lock().mailbox_as_changes(&mailbox));
    head.into_iter().chain(messages)
}
