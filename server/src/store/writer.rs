//! The embedded store's one writer: a thread that commits operations in batches.
//!
//! While one commit waits for the disk, operations gather and share the next: throughput grows with
//! load, and an answer is given only after the commit that carries it.

use std::sync::Arc;

use redb::Database;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::handle::Handle;
use super::tables::{Tables, Write};
use super::{Announcement, Cancelled, Draft, Expired, Published, Receipt, Result, StoreError};
use crate::clock::Millis;
use crate::keys::KeyRecord;
use crate::message::{Mailbox, Message, Note};
use crate::tasks::Tasks;

/// Operations that may wait for the writer; beyond it the store is overloaded.
const QUEUE: usize = 4096;
/// Operations that share a commit at most.
const BATCH: usize = 512;

pub(super) enum Operation {
    Publish(Vec<Draft>, oneshot::Sender<Vec<Published>>),
    Cancel(Mailbox, String, oneshot::Sender<Cancelled>),
    Record(Vec<Receipt>, oneshot::Sender<()>),
    Note(Vec<(Arc<Message>, Note)>, oneshot::Sender<()>),
    Expire(Millis, usize, oneshot::Sender<Vec<Expired>>),
    PutKey(KeyRecord, oneshot::Sender<bool>),
    RevokeKey(String, oneshot::Sender<bool>),
}

/// The handle of the writer's thread, which ends with it.
pub(super) struct Writer(mpsc::Sender<Operation>);

impl Writer {
    pub(super) fn start(
        db: Arc<Handle>,
        announcements: broadcast::Sender<Announcement>,
        tasks: &Tasks,
    ) -> std::io::Result<Self> {
        let (sender, mut queue) = mpsc::channel(QUEUE);
        tasks.spawn_thread("store-writer", move || {
            while let Some(first) = queue.blocking_recv() {
                let mut batch = vec![first];
                while batch.len() < BATCH
                    && let Ok(next) = queue.try_recv()
                {
                    batch.push(next);
                }
                let committed = db.get().and_then(|db| commit(&db, &announcements, batch));
                if let Err(error) = committed {
                    db.failed(&error);
                    // The senders of the batch are dropped: each caller learns that nothing was
                    // stored.
                    tracing::error!(%error, "the store could not commit");
                }
            }
        })?;
        Ok(Self(sender))
    }

    pub(super) async fn run<T>(
        &self,
        operation: impl FnOnce(oneshot::Sender<T>) -> Operation,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(operation(reply)).map_err(|error| {
            StoreError::Unavailable(match error {
                TrySendError::Full(_) => "too many writes are waiting".into(),
                TrySendError::Closed(_) => "the store's writer has ended".into(),
            })
        })?;
        answer
            .await
            .map_err(|_| StoreError::Unavailable("the database could not commit".into()))
    }
}

/// What is told after the commit: answers, then announcements.
type Told = Box<dyn FnOnce() + Send>;

fn commit(
    db: &Database,
    announcements: &broadcast::Sender<Announcement>,
    batch: Vec<Operation>,
) -> std::result::Result<(), redb::Error> {
    let mut told: Vec<Told> = Vec::with_capacity(batch.len());
    let mut announced = Vec::new();
    let txn = db.begin_write()?;
    {
        let mut tables = Tables::open(&txn)?;
        for operation in batch {
            told.push(apply(&mut tables, operation, &mut announced)?);
        }
    }
    txn.commit()?;
    for announcement in announced {
        // Nobody listens while a server starts or stops.
        let _ = announcements.send(announcement);
    }
    told.into_iter().for_each(|tell| tell());
    Ok(())
}

/// Makes every table, so that reads find them.
pub(super) fn create_tables(db: &Database) -> std::result::Result<(), redb::Error> {
    let txn = db.begin_write()?;
    Tables::open(&txn)?;
    txn.commit()?;
    Ok(())
}

/// Carries out one operation; returns what tells its caller, once it is safe.
fn apply(
    tables: &mut Tables<'_>,
    operation: Operation,
    announced: &mut Vec<Announcement>,
) -> Write<Told> {
    Ok(match operation {
        Operation::Publish(drafts, reply) => {
            let answers = drafts
                .into_iter()
                .map(|draft| tables.publish(draft, announced));
            tell(reply, answers.collect::<Write<_>>()?)
        }
        Operation::Cancel(mailbox, id, reply) => {
            tell(reply, tables.cancel(&mailbox, &id, announced)?)
        }
        Operation::Record(receipts, reply) => {
            receipts
                .iter()
                .try_for_each(|receipt| tables.record(receipt))?;
            tell(reply, ())
        }
        Operation::Note(notes, reply) => {
            notes
                .iter()
                .try_for_each(|(message, note)| tables.note(message, note))?;
            tell(reply, ())
        }
        Operation::Expire(now, limit, reply) => tell(reply, tables.expire(now, limit)?),
        Operation::PutKey(key, reply) => tell(reply, tables.put_key(&key)?),
        Operation::RevokeKey(id, reply) => tell(reply, tables.revoke_key(id, announced)?),
    })
}

fn tell<T: Send + 'static>(reply: oneshot::Sender<T>, answer: T) -> Told {
    // A caller that gave up waiting needs no answer.
    Box::new(move || drop(reply.send(answer)))
}
