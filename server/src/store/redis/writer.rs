//! What must not be lost goes through here: writes that gather while one batch is under way share
//! the next, and with it the wait until a replica has confirmed, where there is one.
//!
//! The connection is the writer's own: `WAIT` holds up whatever else is on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::{Cmd, ErrorKind, RedisError, RedisResult, Value, from_redis_value};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::encoding::{Row, publishing};
use super::info::online_replicas;
use super::link::{Link, is_elsewhere};
use super::names::{Layout, Name};
use super::script;
use crate::store::{Part, Parts};
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

/// An answer for each command or row.
pub(super) type Answers = Vec<RedisResult<Value>>;

struct Call {
    part: Part,
    work: Work,
    reply: oneshot::Sender<RedisResult<Answers>>,
}

/// What is to be written.
#[derive(Clone)]
pub(super) enum Work {
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

impl Work {
    /// Some of it, by place.
    pub(super) fn only(&self, places: &[usize]) -> Self {
        let places = places.iter();
        match self {
            Self::Commands(all) => Self::Commands(places.map(|n| all[*n].clone()).collect()),
            Self::Rows(all) => Self::Rows(places.map(|n| all[*n].clone()).collect()),
        }
    }
}

impl Writer {
    pub(super) fn start(link: Arc<Link>, layout: Layout, tasks: &Tasks) -> Self {
        let (queue, calls) = mpsc::channel(QUEUE);
        let replicas = Arc::new(AtomicU32::new(0));
        tasks.spawn("write", run(link, layout, calls, replicas.clone()));
        Self { queue, replicas }
    }

    /// Writes to a part, and returns when it is safe. An error in one answer is in its place.
    pub(super) async fn run(&self, part: Part, work: Work) -> RedisResult<Answers> {
        let (reply, answer) = oneshot::channel();
        let call = Call { part, work, reply };
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
        write_batch(&link, layout, &mut batch, &replicas).await;
    }
}

/// Writes what has gathered, and answers whoever called.
async fn write_batch(link: &Link, layout: Layout, batch: &mut Vec<Call>, replicas: &AtomicU32) {
    let parts: Parts = batch.iter().map(|call| call.part).collect();
    let (mut commands, mut callers) = (Vec::new(), Vec::new());
    let mut rows: BTreeMap<Part, Vec<Row>> = BTreeMap::new();
    for Call { part, work, reply } in batch.drain(..) {
        match work {
            Work::Commands(own) => {
                callers.push((reply, own.len(), None));
                commands.extend(own);
            }
            Work::Rows(own) => {
                callers.push((reply, own.len(), Some(part)));
                rows.entry(part).or_default().extend(own);
            }
        }
    }
    let number = commands.len();
    let scripts = rows.values().flat_map(|rows| calls_of(rows));
    commands.extend(scripts.map(|rows| publishing(layout, rows)));
    let marks = parts.iter().map(|part| layout.confirm(part));
    let mut answers = match write(link, commands, marks, replicas).await {
        Ok(mut answers) => {
            let mut of_scripts = answers.split_off(number).into_iter();
            let of_part = rows.iter().map(|(part, rows)| {
                let calls = calls_of(rows).into_iter().map(<[_]>::len);
                (*part, of_rows(calls.zip(of_scripts.by_ref())).into_iter())
            });
            let of_parts: BTreeMap<_, _> = of_part.collect();
            Ok((answers.into_iter(), of_parts))
        }
        Err(error) => Err(error),
    };
    for (reply, number, part) in callers {
        let answer = match &mut answers {
            Ok((of_commands, of_parts)) => {
                Ok(match part.and_then(|part| of_parts.get_mut(&part)) {
                    Some(of_rows) => of_rows.take(number).collect(),
                    None => of_commands.take(number).collect(),
                })
            }
            Err(error) => Err(error.clone()),
        };
        // A caller that gave up waiting needs no answer.
        let _ = reply.send(answer);
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
fn of_rows(scripts: impl Iterator<Item = (usize, RedisResult<Value>)>) -> Answers {
    let mut answers = Vec::new();
    for (number, answer) in scripts {
        match answer.and_then(|answer| Ok(from_redis_value::<Vec<Value>>(answer)?)) {
            Ok(values) => answers.extend(values.into_iter().map(Ok)),
            Err(error) => answers.extend(vec![Err(error); number]),
        }
    }
    answers
}

async fn write(
    link: &Link,
    commands: Vec<Cmd>,
    marks: impl Iterator<Item = Name>,
    replicas: &AtomicU32,
) -> RedisResult<Answers> {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command);
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

#[cfg(test)]
mod tests {
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
}
