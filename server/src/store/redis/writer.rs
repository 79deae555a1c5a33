//! What must not be lost goes through here: writes that gather while one batch is under way share
//! the next, and with it the wait until a replica has confirmed, where there is one.
//!
//! The connection is the writer's own: `WAIT` holds up whatever else is on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::{Cmd, ErrorKind, RedisError, RedisResult, Value, from_redis_value};
use tokio::sync::{mpsc, oneshot};

use super::link::{Link, is_elsewhere};
use super::names::{Layout, Name};
use super::pulse::online_replicas;
use super::script;
use crate::store::{Part, Parts};
use crate::tasks::Tasks;

/// Calls that may wait for the writer; beyond it the store is overloaded.
const QUEUE: usize = 4096;
/// Calls that share a batch at most.
const BATCH: usize = 256;
/// How long a replica may take to confirm.
const CONFIRM: Duration = Duration::from_millis(1_000);

type Answers = Vec<RedisResult<Value>>;

struct Call {
    part: Part,
    commands: Vec<Cmd>,
    reply: oneshot::Sender<RedisResult<Answers>>,
}

/// The handle of the writer's task, which ends with it.
pub(super) struct Writer {
    queue: mpsc::Sender<Call>,
    /// Replicas that were connected at the last look.
    pub(super) replicas: Arc<AtomicU32>,
}

impl Writer {
    pub(super) fn start(link: Arc<Link>, layout: Layout, tasks: &Tasks) -> Self {
        let (queue, calls) = mpsc::channel(QUEUE);
        let replicas = Arc::new(AtomicU32::new(0));
        tasks.spawn("write", run(link, layout, calls, replicas.clone()));
        Self { queue, replicas }
    }

    /// Carries out commands on a part, and returns when they are safe. An error in one is in its
    /// place.
    pub(super) async fn run(&self, part: Part, commands: Vec<Cmd>) -> RedisResult<Answers> {
        let (reply, answer) = oneshot::channel();
        let call = Call {
            part,
            commands,
            reply,
        };
        let ended = |why| RedisError::from((ErrorKind::Client, why));
        self.queue
            .try_send(call)
            .map_err(|_| ended("too many writes are waiting"))?;
        answer.await.map_err(|_| ended("the writer has ended"))?
    }
}

async fn run(
    link: Arc<Link>,
    layout: Layout,
    mut calls: mpsc::Receiver<Call>,
    replicas: Arc<AtomicU32>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while calls.recv_many(&mut batch, BATCH).await > 0 {
        let commands = batch.iter().flat_map(|call| &call.commands);
        let parts: Parts = batch.iter().map(|call| call.part).collect();
        let marks = parts.iter().map(|part| layout.confirm(part));
        let answers = write(&link, commands, marks, &replicas).await;
        let mut answers = match answers {
            Ok(answers) => Ok(answers.into_iter()),
            Err(error) => Err(error),
        };
        for call in batch.drain(..) {
            let answer = match &mut answers {
                Ok(answers) => Ok(answers.take(call.commands.len()).collect()),
                Err(error) => Err(error.clone()),
            };
            // A caller that gave up waiting needs no answer.
            let _ = call.reply.send(answer);
        }
    }
}

async fn write(
    link: &Link,
    commands: impl Iterator<Item = &Cmd>,
    marks: impl Iterator<Item = Name>,
    replicas: &AtomicU32,
) -> RedisResult<Answers> {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    if replicas.load(Ordering::Relaxed) == 0 {
        return link.ask_all(&mut pipeline).await;
    }
    // A repeated request writes nothing, and must be confirmed all the same: `WAIT` looks at this
    // connection's last write. One such write does for all that comes before it, and that of a part
    // which has just gone elsewhere is refused.
    let number = pipeline.len();
    marks.for_each(|mark| {
        pipeline.add_command(script::CONFIRM.on(&[&mark]));
    });
    pipeline.cmd("WAIT").arg(1).arg(CONFIRM.as_millis() as u64);
    let mut answers = link.ask_all(&mut pipeline).await?;
    let confirmed = answers
        .pop()
        .and_then(|answer| from_redis_value(answer.ok()?).ok());
    let marked = answers.drain(number..).any(|answer| answer.is_ok());
    if confirmed.is_some_and(|count: u32| count > 0) && marked || answers.iter().all(was_refused) {
        return Ok(answers);
    }
    // Perhaps the replica has just gone: then there is none to wait for.
    let left = online_replicas(link).await?;
    replicas.store(left, Ordering::Relaxed);
    match left {
        0 => Ok(answers),
        _ => {
            let why = "no replica has confirmed in time";
            Err((ErrorKind::Client, why, format!("{CONFIRM:?}")).into())
        }
    }
}

/// Whether nothing was written that could be lost.
fn was_refused(answer: &RedisResult<Value>) -> bool {
    answer.as_ref().is_err_and(is_elsewhere)
}
