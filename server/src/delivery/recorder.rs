//! Receipts on their way to the store: gathered, written in batches, kept and repeated while the
//! store is away.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::message::{Mailbox, Message, Note};
use crate::metrics::Metrics;
use crate::store::{Part, Parts, Receipt, Result, Store};
use crate::tasks::Tasks;

/// Receipts that may wait for the store; beyond it they are dropped and counted, and the message
/// comes again.
const QUEUE: usize = 65_536;
/// The same for a part of many.
const QUEUE_OF_PART: usize = 16_384;
/// Receipts in one call.
const BATCH: usize = 1024;
/// The latest receipts that were stored: a store that has lost its last moments is told them again.
const TAIL: usize = 8192;
/// For how long receipts gather before a call: those of one mailbox share it, and the recorder is
/// not woken for each.
const GATHER: Duration = Duration::from_millis(10);
/// For how long what was shown waits for its acknowledgement, which says both.
const SHOWN: Duration = Duration::from_millis(250);
/// What lives no longer than this is not held back: its end counts whom it was shown to.
const BRIEF: Duration = Duration::from_secs(5);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

enum Entry {
    Receipt(Receipt),
    Note(Arc<Message>, Note),
    /// Everything that was stored lately is to be stored again.
    Replay,
    /// Answered once everything before it is stored.
    Flush(oneshot::Sender<()>),
}

/// The handle of the recorder.
#[derive(Clone)]
pub struct Recorder {
    /// One for each part of the store: what one does not take holds up no other.
    lanes: Arc<[Lane]>,
    part_of: Arc<PartOf>,
    metrics: Arc<Metrics>,
}

/// What waits to be stored in one part.
struct Lane {
    queue: mpsc::Sender<Entry>,
    /// Somebody waits for a flush.
    flushes: Arc<Notify>,
}

type PartOf = dyn Fn(&Mailbox) -> Part + Send + Sync;

impl Recorder {
    /// Starts the recorder's tasks, which live as long as its handles.
    pub fn start(store: Arc<impl Store + ?Sized>, metrics: Arc<Metrics>, tasks: &Tasks) -> Self {
        let parts = store.parts();
        let number = parts.iter().count().max(1);
        let start = |_| {
            // They are seldom filled together.
            let (queue, entries) = mpsc::channel((QUEUE / number).max(QUEUE_OF_PART));
            let flushes = Arc::new(Notify::new());
            let work = run(store.clone(), entries, flushes.clone(), TAIL / number);
            tasks.spawn("record", work);
            Lane { queue, flushes }
        };
        Self {
            lanes: parts.iter().map(start).collect(),
            part_of: Arc::new(move |mailbox| store.part_of(mailbox)),
            metrics,
        }
    }

    /// Takes a receipt; never waits.
    pub fn push(&self, receipt: Receipt) {
        let lane = self.lane(&receipt.message.mailbox);
        if lane.queue.try_send(Entry::Receipt(receipt)).is_err() {
            self.metrics.receipts_dropped.inc();
        }
    }

    /// Takes a note of what happened to a message; never waits.
    pub fn note(&self, message: Arc<Message>, note: Note) {
        let lane = self.lane(&message.mailbox);
        if lane.queue.try_send(Entry::Note(message, note)).is_err() {
            self.metrics.receipts_dropped.inc();
        }
    }

    /// Stores again what was stored lately in these parts: the store may have lost it.
    pub fn replay(&self, parts: Parts) {
        let lanes = (0..).map(Part).zip(&*self.lanes);
        for (_, lane) in lanes.filter(|(part, _)| parts.contains(*part)) {
            // A full queue means that nothing was stored lately.
            let _ = lane.queue.try_send(Entry::Replay);
        }
    }

    /// Waits until every receipt taken so far is stored, for `patience` at most. Returns whether
    /// they are.
    pub async fn flush(&self, patience: Duration) -> bool {
        let each = self.lanes.iter().map(|lane| lane.flush(patience));
        join_all(each).await.into_iter().all(|flushed| flushed)
    }

    /// The same for receipts of a mailbox.
    pub async fn flush_of(&self, mailbox: &Mailbox, patience: Duration) -> bool {
        self.lane(mailbox).flush(patience).await
    }

    fn lane(&self, mailbox: &Mailbox) -> &Lane {
        &self.lanes[(self.part_of)(mailbox).index()]
    }
}

impl Lane {
    async fn flush(&self, patience: Duration) -> bool {
        let (done, stored) = oneshot::channel();
        let flushed = async {
            let sent = self.queue.send(Entry::Flush(done)).await.is_ok();
            self.flushes.notify_one();
            sent && stored.await.is_ok()
        };
        timeout(patience, flushed).await.unwrap_or(false)
    }
}

async fn run(
    store: Arc<impl Store + ?Sized>,
    mut entries: mpsc::Receiver<Entry>,
    flushes: Arc<Notify>,
    most: usize,
) {
    let (mut tail, mut shown) = (VecDeque::new(), Shown::default());
    while let Some(gathered) = gather(&mut entries, &flushes, shown.until).await {
        let (mut receipts, mut notes, mut flushes) = (Vec::new(), Vec::new(), Vec::new());
        for entry in gathered {
            match entry {
                Entry::Receipt(receipt) => receipts.extend(shown.hold_or_pass(receipt)),
                Entry::Note(message, note) => notes.push((message, note)),
                Entry::Replay => receipts.extend(tail.drain(..)),
                Entry::Flush(done) => flushes.push(done),
            }
        }
        receipts.extend(shown.take(!flushes.is_empty()));
        if !receipts.is_empty() {
            let record = || store.record(receipts.clone());
            store_all("receipts", receipts.len(), record).await;
            tail.extend(receipts);
            tail.drain(..tail.len().saturating_sub(most));
        }
        if !notes.is_empty() {
            store_all("notes", notes.len(), || store.note(notes.clone())).await;
        }
        for done in flushes {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
    }
}

/// What comes within a moment, or nothing when `until` is over; none at the end. Whoever waits for
/// a flush is not kept waiting.
async fn gather(
    entries: &mut mpsc::Receiver<Entry>,
    flushes: &Notify,
    until: Option<Instant>,
) -> Option<Vec<Entry>> {
    let first = match until {
        None => entries.recv().await,
        Some(until) => match timeout_at(until, entries.recv()).await {
            Err(_) => return Some(Vec::new()),
            // What is held back is written before the end.
            Ok(None) => {
                sleep_until(until).await;
                return Some(Vec::new());
            }
            Ok(first) => first,
        },
    };
    let mut gathered = vec![first?];
    if entries.len() < BATCH {
        tokio::select! {
            () = sleep(GATHER) => {}
            () = flushes.notified() => {}
        }
    }
    while gathered.len() < BATCH
        && let Ok(entry) = entries.try_recv()
    {
        gathered.push(entry);
    }
    Some(gathered)
}

/// What was shown and may be acknowledged in a moment.
#[derive(Default)]
struct Shown {
    held: HashMap<Name, Receipt>,
    /// When all of it is written.
    until: Option<Instant>,
}

/// Tells receipts apart: mailbox, sequence number and key.
type Name = (Mailbox, u64, Arc<str>);

impl Shown {
    /// Holds back what was shown; an acknowledgement passes, and says both.
    fn hold_or_pass(&mut self, mut receipt: Receipt) -> Option<Receipt> {
        let message = &receipt.message;
        let key = receipt.of_key.key.clone();
        let name = (message.mailbox.clone(), message.seq, key);
        if receipt.is_acknowledged() {
            let shown = self.held.remove(&name);
            shown.inspect(|shown| receipt.of_key.merge(&shown.of_key));
            return Some(receipt);
        }
        if message.expires_at.since(message.deliver_at) < BRIEF {
            return Some(receipt);
        }
        self.held.insert(name, receipt);
        self.until.get_or_insert_with(|| Instant::now() + SHOWN);
        None
    }

    /// What was held back long enough, or all of it.
    fn take(&mut self, all: bool) -> Vec<Receipt> {
        if !all && self.until.is_none_or(|until| until > Instant::now()) {
            return Vec::new();
        }
        self.until = None;
        std::mem::take(&mut self.held).into_values().collect()
    }
}

/// Stores a batch, however often it takes: recording twice does no harm, losing it would repeat
/// messages.
async fn store_all<F: Future<Output = Result<()>>>(
    what: &str,
    number: usize,
    store: impl Fn() -> F,
) {
    let start = Instant::now();
    let mut pause = Duration::from_millis(20);
    while store().await.is_err() {
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    if start.elapsed() > LONGEST_PAUSE {
        tracing::info!(what, number, "stored what had waited for the store");
    }
}
