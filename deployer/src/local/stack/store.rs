//! The stack's store, and the Redis that it started for it: watched, and treated as somebody asks
//! for.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::error::Error;
use super::launch::{free_address, listening};
use super::notice::Notice;
use super::watcher::Goal;
use super::{Happened, Options, Stack};
use crate::local::control::RedisAction;
use crate::local::process::{Line, Process, Signal};
use crate::local::redis::{self, Data, Endpoint, NAME};
use crate::local::setup::{Store, Task};
use crate::local::state;

/// A Redis of the stack's own. What it holds outlives its process, but not the stack.
pub(super) struct Redis {
    program: PathBuf,
    address: SocketAddr,
    process: Option<Process>,
    data: Data,
    stopped: bool,
    /// What somebody wants after its end.
    after: After,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    Restart { empty: bool },
}

/// The server's store, and the Redis that was started for it.
pub(super) async fn open(
    task: &Task,
    options: &Options,
    lines: &mpsc::Sender<Line>,
) -> Result<(Endpoint, Option<Redis>, Option<Data>), Error> {
    match (&task.store, &options.redis) {
        (Store::Own(own), None) if own == "memory" && task.is_single() => in_directory(options),
        (Store::Own(own), None) => Ok((Endpoint::open(own.clone()), None, None)),
        (Store::Own(own), Some(_)) => Err(Error::NeedlessRedis(own.clone())),
        (Store::Redis, Some(url)) => {
            let store = Endpoint::parse(url).ok_or(Error::RedisUrl)?;
            Ok((store, None, None))
        }
        (Store::Redis, None) => {
            let program = redis::installed().await.ok_or(Error::NoRedis)?;
            state::open(&options.directory).map_err(|error| directory(options, error))?;
            let path = state::redis_data(&options.directory, std::process::id());
            let data = Data::create(path).map_err(|error| directory(options, error))?;
            let mut redis = Redis {
                program,
                address: free_address().map_err(start)?,
                process: None,
                data,
                stopped: false,
                after: After::Nothing,
            };
            let process = redis.start(options, lines)?;
            listening(&process.life, redis.address).await?;
            redis.process = Some(process);
            let url = format!("redis://{}", redis.address);
            Ok((Endpoint::open(url), Some(redis), None))
        }
    }
}

/// A directory in place of a single task's memory: it outlives the task, and where the stack keeps
/// things, the stack.
fn in_directory(options: &Options) -> Result<(Endpoint, Option<Redis>, Option<Data>), Error> {
    let (path, data) = match &options.kept {
        Some(kept) => (kept.store(), None),
        None => {
            state::open(&options.directory).map_err(|error| directory(options, error))?;
            let path = state::task_data(&options.directory, std::process::id());
            let data = Data::create(path.clone()).map_err(|error| directory(options, error))?;
            (path, Some(data))
        }
    };
    let store = Endpoint::open(format!("file:{}", path.display()));
    Ok((store, None, data))
}

fn start(source: std::io::Error) -> Error {
    Error::Start {
        name: NAME.to_owned(),
        source,
    }
}

fn directory(
    options: &Options,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Directory {
        path: options.directory.clone(),
        source: std::io::Error::other(error),
    }
}

impl Redis {
    fn start(&self, options: &Options, lines: &mpsc::Sender<Line>) -> Result<Process, Error> {
        let spec = redis::spec(self.program.clone(), self.address, &self.data.0);
        Process::start(&options.supervisor, &spec, lines.clone()).map_err(start)
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }
}

impl Stack {
    /// Sees to it that the end of the Redis is noticed.
    pub(super) fn watch_redis(&self) {
        let process = self.redis.as_ref().and_then(|redis| redis.process.as_ref());
        if let Some(life) = process.map(|process| process.life.clone()) {
            self.later(async move {
                life.exited().await;
                Happened::RedisEnded
            });
        }
    }

    /// Does what was asked; what to wait for, or why it cannot be.
    pub(super) async fn treat_redis(
        &mut self,
        action: RedisAction,
    ) -> Result<Option<Goal>, String> {
        let store = self.store.url.clone();
        let Some(redis) = &mut self.redis else {
            return Err(format!(
                "the stack has no Redis of its own; its store is {store}"
            ));
        };
        if redis.process.is_none() && !matches!(action, RedisAction::Restart { .. }) {
            return Err(
                "the stack's Redis does not run; `deployer local redis restart` starts it"
                    .to_owned(),
            );
        }
        let (signal, goal) = match action {
            RedisAction::Kill => (("SIGKILL", Signal::KILL), Some(Goal::RedisGone)),
            RedisAction::Stop => {
                redis.stopped = true;
                (("SIGSTOP", Signal::STOP), None)
            }
            RedisAction::Continue => {
                redis.stopped = false;
                (("SIGCONT", Signal::CONT), None)
            }
            RedisAction::Restart { empty } => {
                redis.after = After::Restart { empty };
                if redis.process.is_none() {
                    self.restart_redis().map_err(|error| error.to_string())?;
                    return Ok(Some(Goal::RedisUp));
                }
                // One that was stopped could not end.
                redis.signal(Signal::CONT);
                (("SIGTERM", Signal::TERM), Some(Goal::RedisUp))
            }
        };
        redis.signal(signal.1);
        let (name, signal) = (NAME.to_owned(), signal.0);
        self.tell(Notice::Signalled { name, signal }).await;
        Ok(goal)
    }

    pub(super) async fn redis_ended(&mut self) {
        let Some(redis) = &mut self.redis else { return };
        let ended = redis.process.take().and_then(|process| process.life.exit());
        redis.stopped = false;
        let restart = redis.after != After::Nothing;
        let status = ended.unwrap_or_default();
        let text = format!("redis ended with {status}");
        self.tell(Notice::RedisEnded { status, restart }).await;
        self.finish(&Goal::RedisGone, &Ok(text));
        if restart && let Err(error) = self.restart_redis() {
            self.redis_failed(&error);
        }
    }

    fn restart_redis(&mut self) -> Result<(), Error> {
        let Some(redis) = &mut self.redis else {
            return Ok(());
        };
        let after = std::mem::replace(&mut redis.after, After::Nothing);
        if after == (After::Restart { empty: true }) {
            redis.data.clear().map_err(start)?;
        }
        let process = redis.start(&self.options, &self.lines)?;
        let (life, address) = (process.life.clone(), redis.address);
        redis.process = Some(process);
        self.watch_redis();
        self.later(async move { Happened::RedisListens(listening(&life, address).await) });
        Ok(())
    }

    pub(super) async fn redis_listens(&mut self, listens: Result<(), Error>) {
        let Some(redis) = &self.redis else { return };
        match (listens, &redis.process) {
            (Ok(()), Some(process)) => {
                let (address, pid) = (redis.address, process.pid);
                self.tell(Notice::RedisStarted { address, pid }).await;
                let text = format!("redis runs again on {address}");
                self.finish(&Goal::RedisUp, &Ok(text));
            }
            (Err(error), _) => self.redis_failed(&error),
            (Ok(()), None) => {}
        }
    }

    fn redis_failed(&mut self, error: &Error) {
        self.finish(&Goal::RedisUp, &Err(error.to_string()));
    }

    /// Whether the Redis runs, where the stack has one.
    pub(super) fn redis_runs(&self) -> bool {
        self.redis
            .as_ref()
            .is_none_or(|redis| redis.process.is_some())
    }

    /// The Redis for programs: null where the store is none.
    pub(super) fn describe_redis(&self) -> Value {
        let Some(redis) = &self.redis else {
            return match self.setup.task.store {
                Store::Own(_) => Value::Null,
                Store::Redis => json!({ "url": self.store.url, "pid": null, "state": "elsewhere" }),
            };
        };
        let state = match &redis.process {
            None => "ended",
            Some(_) if redis.stopped => "stopped",
            Some(_) => "running",
        };
        let pid = redis.process.as_ref().map(|process| process.pid);
        json!({ "url": self.store.url, "pid": pid, "state": state })
    }
}
