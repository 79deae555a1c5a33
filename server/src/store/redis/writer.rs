//! What must not be lost goes through here: writes that gather while one batch is under way share
//! the next, and with it the wait until a replica has confirmed, where there is one.
//!
//! The connection is the writer's own: `WAIT` holds up whatever else is on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::{Cmd, RedisResult, Value, from_redis_value};
use tokio::sync::{mpsc, oneshot};

use super::link::{Link, unavailable};
use super::pulse::online_replicas;
use super::script;
use crate::store::{Result, StoreError};
use crate::tasks::Tasks;

/// Calls that may wait for the writer; beyond it the store is overloaded.
const QUEUE: usize = 4096;
/// Calls that share a batch at most.
const BATCH: usize = 256;
/// How long a replica may take to confirm.
const CONFIRM: Duration = Duration::from_millis(1_000);

struct Call {
    commands: Vec<Cmd>,
    reply: oneshot::Sender<Result<Vec<Value>>>,
}

/// The handle of the writer's task, which ends with it.
pub(super) struct Writer {
    queue: mpsc::Sender<Call>,
    /// Replicas that were connected at the last look.
    pub(super) replicas: Arc<AtomicU32>,
}

impl Writer {
    pub(super) fn start(link: Arc<Link>, tasks: &Tasks) -> Self {
        let (queue, calls) = mpsc::channel(QUEUE);
        let replicas = Arc::new(AtomicU32::new(0));
        tasks.spawn("write", run(link, calls, replicas.clone()));
        Self { queue, replicas }
    }

    /// Carries out commands, and returns when they are safe.
    pub(super) async fn run(&self, commands: Vec<Cmd>) -> Result<Vec<Value>> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Call { commands, reply })
            .map_err(|_| StoreError::Unavailable("too many writes are waiting".into()))?;
        answer
            .await
            .map_err(|_| StoreError::Unavailable("the writer has ended".into()))?
    }
}

async fn run(link: Arc<Link>, mut calls: mpsc::Receiver<Call>, replicas: Arc<AtomicU32>) {
    let mut batch = Vec::with_capacity(BATCH);
    while calls.recv_many(&mut batch, BATCH).await > 0 {
        let commands = batch.iter().flat_map(|call| &call.commands);
        let answers = write(&link, commands, &replicas).await;
        let mut answers = match answers {
            Ok(answers) => Ok(answers.into_iter()),
            Err(error) => Err(error),
        };
        for call in batch.drain(..) {
            let answer = match &mut answers {
                Ok(answers) => own(answers, call.commands.len()),
                Err(error) => Err(error.clone()),
            };
            // A caller that gave up waiting needs no answer.
            let _ = call.reply.send(answer);
        }
    }
}

/// The next `number` answers, or the first error among them. All of them are taken: the rest are
/// other callers'.
fn own(
    answers: &mut impl Iterator<Item = RedisResult<Value>>,
    number: usize,
) -> Result<Vec<Value>> {
    let own: Vec<_> = answers.take(number).collect();
    own.into_iter()
        .collect::<RedisResult<_>>()
        .map_err(|error| unavailable(&error))
}

async fn write(
    link: &Link,
    commands: impl Iterator<Item = &Cmd>,
    replicas: &AtomicU32,
) -> Result<Vec<RedisResult<Value>>> {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    if replicas.load(Ordering::Relaxed) == 0 {
        return link.ask_all(&mut pipeline).await;
    }
    // A repeated request writes nothing, and must be confirmed all the same: `WAIT` looks at this
    // connection's last write.
    pipeline.add_command(script::CONFIRM.on(&["hf:confirm"]));
    pipeline.cmd("WAIT").arg(1).arg(CONFIRM.as_millis() as u64);
    let mut answers = link.ask_all(&mut pipeline).await?;
    let confirmed = answers
        .pop()
        .and_then(|answer| from_redis_value(answer.ok()?).ok());
    let marked = answers.pop().is_some_and(|answer| answer.is_ok());
    if confirmed.is_some_and(|count: u32| count > 0) && marked {
        return Ok(answers);
    }
    // Perhaps the replica has just gone: then there is none to wait for.
    let left = online_replicas(link).await?;
    replicas.store(left, Ordering::Relaxed);
    match left {
        0 => Ok(answers),
        _ => Err(StoreError::Unavailable(format!(
            "no replica has confirmed within {} s",
            CONFIRM.as_secs()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, RedisError};

    use super::*;

    #[test]
    fn an_error_takes_no_answer_of_another_caller() {
        let answer = |n| Ok(Value::Int(n));
        let error = || Err(RedisError::from((ErrorKind::Io, "OOM")));
        let mut answers = vec![error(), answer(1), answer(2), answer(3)].into_iter();
        assert!(own(&mut answers, 2).is_err());
        assert_eq!(own(&mut answers, 1).unwrap(), [Value::Int(2)]);
        assert_eq!(own(&mut answers, 1).unwrap(), [Value::Int(3)]);
    }
}
