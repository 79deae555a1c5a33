//! What must not be lost goes through here: writes that gather while one batch is under way share
//! the next, and with it the wait until a replica has confirmed, where there is one.
//!
//! The connection is the writer's own: `WAIT` holds up whatever else is on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::{Cmd, RedisResult, Value, from_redis_value};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::encoding::{Row, publishing};
use super::link::{Link, unavailable};
use super::pulse::online_replicas;
use super::script;
use crate::store::{Result, StoreError};
use crate::tasks::Tasks;

/// Calls that may wait for the writer; beyond it the store is overloaded.
const QUEUE: usize = 4096;
/// Calls that share a batch at most.
const BATCH: usize = 256;
/// Messages that one call of a script stores at most, and their bytes: Redis does nothing else
/// meanwhile.
const ROWS: usize = 64;
const BYTES: usize = 1 << 20;
/// How long messages gather while many come, and how many those are in how long.
const GATHER: Duration = Duration::from_millis(2);
const MANY: usize = 20;
const PERIOD: Duration = Duration::from_millis(50);
/// How long a replica may take to confirm.
const CONFIRM: Duration = Duration::from_millis(1_000);

struct Call {
    work: Work,
    reply: oneshot::Sender<Result<Vec<Value>>>,
}

enum Work {
    Commands(Vec<Cmd>),
    /// Messages to be stored: those of several calls share a script's.
    Rows(Vec<Row>),
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
        self.call(Work::Commands(commands)).await
    }

    /// Stores messages, and returns an answer for each when they are safe.
    pub(super) async fn publish(&self, rows: Vec<Row>) -> Result<Vec<Value>> {
        self.call(Work::Rows(rows)).await
    }

    async fn call(&self, work: Work) -> Result<Vec<Value>> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Call { work, reply })
            .map_err(|_| StoreError::Unavailable("too many writes are waiting".into()))?;
        answer
            .await
            .map_err(|_| StoreError::Unavailable("the writer has ended".into()))?
    }
}

async fn run(link: Arc<Link>, mut calls: mpsc::Receiver<Call>, replicas: Arc<AtomicU32>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut pace = Pace::new();
    while calls.recv_many(&mut batch, BATCH).await > 0 {
        if pace.busy {
            sleep(GATHER).await;
            while batch.len() < BATCH
                && let Ok(call) = calls.try_recv()
            {
                batch.push(call);
            }
        }
        pace.count(&batch);
        let (mut commands, mut rows, mut callers) = (Vec::new(), Vec::new(), Vec::new());
        for Call { work, reply } in batch.drain(..) {
            match work {
                Work::Commands(own) => {
                    callers.push((reply, own.len(), false));
                    commands.extend(own);
                }
                Work::Rows(own) => {
                    callers.push((reply, own.len(), true));
                    rows.extend(own);
                }
            }
        }
        let calls = calls_of(&rows);
        let scripts = calls.iter().map(|rows| publishing(rows));
        let all = commands.iter().cloned().chain(scripts);
        let mut answers = match write(&link, all, &replicas).await {
            Ok(mut answers) => {
                let of_scripts = answers.split_off(commands.len());
                let of_rows = of_rows(calls.iter().map(|rows| rows.len()).zip(of_scripts));
                Ok((answers.into_iter(), of_rows.into_iter()))
            }
            Err(error) => Err(error),
        };
        for (reply, number, is_of_rows) in callers {
            let answer = match &mut answers {
                Ok((_, of_rows)) if is_of_rows => own(of_rows, number),
                Ok((of_commands, _)) => own(of_commands, number),
                Err(error) => Err(error.clone()),
            };
            // A caller that gave up waiting needs no answer.
            let _ = reply.send(answer);
        }
    }
}

/// Tells whether many messages come. Then they gather for a moment: a call of a script costs Redis,
/// and each node that hears of it, as much as a message.
struct Pace {
    /// When this period began, and how many messages have come in it.
    since: Instant,
    rows: usize,
    /// Whether many came in the one before.
    busy: bool,
}

impl Pace {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            rows: 0,
            busy: false,
        }
    }

    /// Counts the messages of a batch.
    fn count(&mut self, batch: &[Call]) {
        let rows = batch.iter().map(|call| match &call.work {
            Work::Rows(rows) => rows.len(),
            Work::Commands(_) => 0,
        });
        self.rows += rows.sum::<usize>();
        let lasted = self.since.elapsed();
        if lasted > PERIOD {
            self.busy = self.rows >= MANY && lasted < 2 * PERIOD;
            (self.since, self.rows) = (Instant::now(), 0);
        }
    }
}

/// The rows of each call of the script.
fn calls_of(rows: &[Row]) -> Vec<&[Row]> {
    let (mut calls, mut first, mut bytes) = (Vec::new(), 0, 0);
    for (at, row) in rows.iter().enumerate() {
        let size = row.iter().map(String::len).sum::<usize>();
        if at > first && (at - first >= ROWS || bytes + size > BYTES) {
            calls.push(&rows[first..at]);
            (first, bytes) = (at, 0);
        }
        bytes += size;
    }
    calls.extend((first < rows.len()).then(|| &rows[first..]));
    calls
}

/// An answer for each row, of those of the scripts: an error is each of its rows'.
fn of_rows(scripts: impl Iterator<Item = (usize, RedisResult<Value>)>) -> Vec<RedisResult<Value>> {
    let mut answers = Vec::new();
    for (number, answer) in scripts {
        match answer.and_then(|answer| Ok(from_redis_value::<Vec<Value>>(answer)?)) {
            Ok(values) => answers.extend(values.into_iter().map(Ok)),
            Err(error) => answers.extend(vec![Err(error); number]),
        }
    }
    answers
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
    commands: impl Iterator<Item = Cmd>,
    replicas: &AtomicU32,
) -> Result<Vec<RedisResult<Value>>> {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command);
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
    fn calls_are_bounded_by_number_and_by_bytes() {
        let row = |bytes: usize| {
            let mut row = Row::default();
            row[0] = "x".repeat(bytes);
            row
        };
        let lengths = |rows: &[Row]| -> Vec<usize> {
            let calls = calls_of(rows);
            calls.iter().map(|rows| rows.len()).collect()
        };
        assert!(lengths(&[]).is_empty());
        assert_eq!(lengths(&vec![row(1); 2 * ROWS + 1]), [ROWS, ROWS, 1]);
        let sizes = [BYTES + 1, BYTES + 1, BYTES / 2, BYTES / 2, 1];
        assert_eq!(lengths(&sizes.map(row)), [1, 1, 2, 1]);
    }

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
