//! The stack's store: the server's own, a Redis that is there, or one that the stack starts for it.

use tokio::sync::mpsc;

use super::Options;
use super::error::Error;
use super::redis::Redis;
use crate::local::process::Line;
use crate::local::redis::{self, Data, Endpoint};
use crate::local::setup::{Store, Task};
use crate::local::state;

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
        (Store::Redis | Store::Cluster(_), Some(url)) => {
            let store = Endpoint::parse(url).ok_or(Error::RedisUrl)?;
            Ok((store, None, None))
        }
        (Store::Redis, None) => start(None, options, lines).await,
        (Store::Cluster(shards), None) => start(Some(*shards), options, lines).await,
    }
}

async fn start(
    shards: Option<usize>,
    options: &Options,
    lines: &mpsc::Sender<Line>,
) -> Result<(Endpoint, Option<Redis>, Option<Data>), Error> {
    let program = redis::installed().await.ok_or(Error::NoRedis)?;
    state::open(&options.directory).map_err(|error| directory(options, error))?;
    let path = state::redis_data(&options.directory, std::process::id());
    let root = Data::create(path).map_err(|error| directory(options, error))?;
    let redis = Redis::start(program, shards, root, options, lines).await?;
    Ok((Endpoint::open(redis.url()), Some(redis), None))
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

fn directory(
    options: &Options,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Directory {
        path: options.directory.clone(),
        source: std::io::Error::other(error),
    }
}
