//! Where a cluster's slots are, asked of its servers: at the start, every few seconds, and as soon
//! as something hints that they have moved.
//!
//! `CLUSTER SLOTS` is the one question that Redis, Valkey and ElastiCache Serverless all answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{AsyncConnectionConfig, ErrorKind, FromRedisValue, RedisResult, Value, cmd};
use tokio::time::{sleep, timeout};

use super::names;
use super::primaries::{Owners, Primaries};
use super::whereabouts::{Address, Login};

/// From one look to the next while nothing hints at a change.
const LOOK: Duration = Duration::from_secs(5);
/// The same while a primary is away, and at least between two looks.
const SOON: Duration = Duration::from_millis(200);
/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// How a cluster is found.
pub(super) struct Slots {
    /// The addresses in the settings.
    pub(super) seeds: Vec<Address>,
    pub(super) login: Login,
    /// Everyone is asked in turn: one that is cut off knows old places only.
    pub(super) turn: AtomicUsize,
}

impl Slots {
    /// Keeps the primaries of a cluster up to date, for ever.
    pub(super) async fn follow(self: Arc<Self>, primaries: Arc<Primaries>) {
        loop {
            let pause = match primaries.trouble() {
                Some(_) => SOON,
                None => LOOK,
            };
            // Either way it is time.
            let _ = timeout(pause, primaries.trouble.notified()).await;
            if let Err(error) = self.look(&primaries).await {
                tracing::debug!(%error, "where the store's slots are is not known");
            }
            sleep(SOON / 4).await;
        }
    }

    /// Asks where the slots are.
    pub(super) async fn look(&self, primaries: &Primaries) -> RedisResult<()> {
        primaries.set(self.ask(primaries).await?, &self.login)
    }

    async fn ask(&self, primaries: &Primaries) -> RedisResult<Owners> {
        let mut all = primaries.all();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let first = turn % all.len().max(1);
        all.rotate_left(first);
        for primary in &all {
            let (Some(address), None) = (&primary.address, primary.calls.why_away()) else {
                continue;
            };
            if let Ok(Ok(answer)) = timeout(ANSWER, primary.calls.ask(&question())).await {
                return read(answer, address, primaries);
            }
        }
        let known = primaries.known();
        let known = known.iter().filter_map(|primary| primary.address.as_ref());
        let mut why = (ErrorKind::Client, "no server of the cluster is known").into();
        for address in self.seeds.iter().chain(known) {
            match self.ask_at(address).await {
                Ok(answer) => return read(answer, address, primaries),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    async fn ask_at(&self, address: &Address) -> RedisResult<Value> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER))
            .set_response_timeout(Some(ANSWER));
        let client = self.login.client(address)?;
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        question().query_async(&mut connection).await
    }
}

fn question() -> redis::Cmd {
    let mut question = cmd("CLUSTER");
    question.arg("SLOTS");
    question
}

/// Which address has each part. A server that does not know its own name leaves it out.
fn read(answer: Value, asked: &Address, primaries: &Primaries) -> RedisResult<Owners> {
    let ranges: Vec<Vec<Value>> = Vec::from_redis_value(answer)?;
    let mut known = Vec::new();
    for range in ranges {
        let mut range = range.into_iter();
        let mut next = || range.next().unwrap_or(Value::Nil);
        let (first, last) = (
            u16::from_redis_value(next())?,
            u16::from_redis_value(next())?,
        );
        let mut primary = Vec::from_redis_value(next())?.into_iter();
        let mut next = || primary.next().unwrap_or(Value::Nil);
        let host = Option::<String>::from_redis_value(next())?;
        let host = host.filter(|host| !matches!(&**host, "" | "?"));
        let port = u16::from_redis_value(next())?;
        known.push((
            first..=last,
            (host.unwrap_or_else(|| asked.0.clone()), port),
        ));
    }
    let owner = |part| {
        let slot = names::slot(part);
        let mut known = known.iter();
        let owner = known.find(|(slots, _)| slots.contains(&slot));
        owner.map(|(_, address)| address.clone())
    };
    Ok(primaries.layout.parts().iter().map(owner).collect())
}
