//! What happens to the stack's Redis: its processes are watched, and treated as somebody asks for.

use serde_json::{Value, json};

use super::error::Error;
use super::launch::listening;
use super::notice::Notice;
use super::redis::{After, Shard, failed};
use super::watcher::Goal;
use super::{Happened, Stack};
use crate::local::control::RedisAction;
use crate::local::process::Signal;
use crate::local::setup::Store;

impl Stack {
    /// Sees to it that the end of each process is noticed.
    pub(super) fn watch_redis(&self) {
        let shards = self.redis.iter().flat_map(|redis| &redis.shards);
        shards.for_each(|shard| self.watch_shard(shard));
    }

    fn watch_shard(&self, shard: &Shard) {
        let life = shard.process.as_ref().map(|process| process.life.clone());
        if let (Some(life), name) = (life, shard.name.clone()) {
            self.later(async move {
                life.exited().await;
                Happened::RedisEnded(name)
            });
        }
    }

    /// Does what was asked to one shard or to all; what to wait for, or why it cannot be.
    pub(super) async fn treat_redis(
        &mut self,
        action: RedisAction,
        name: Option<String>,
    ) -> Result<Option<Goal>, String> {
        let store = self.store.url.clone();
        let Some(redis) = &mut self.redis else {
            return Err(format!(
                "the stack has no Redis of its own; its store is {store}"
            ));
        };
        let chosen = redis.chosen(name.as_deref())?;
        let runs = |at: &usize| redis.shards[*at].process.is_some();
        let (running, ended): (Vec<_>, Vec<_>) = chosen.into_iter().partition(runs);
        if running.is_empty() && !matches!(action, RedisAction::Restart { .. }) {
            return Err(match name {
                Some(name) => {
                    format!("{name} does not run; `deployer local redis restart {name}` starts it")
                }
                None => "the stack's Redis does not run; `deployer local redis restart` starts it"
                    .to_owned(),
            });
        }
        let (signal, goal) = match action {
            RedisAction::Kill => (("SIGKILL", Signal::KILL), Some(Goal::RedisGone(name))),
            RedisAction::Stop => (("SIGSTOP", Signal::STOP), None),
            RedisAction::Continue => (("SIGCONT", Signal::CONT), None),
            RedisAction::Restart { empty } => {
                for at in running.iter().chain(&ended) {
                    let shard = &mut redis.shards[*at];
                    shard.after = After::Restart { empty };
                    shard.listens = false;
                    // One that was stopped could not end.
                    shard.signal(Signal::CONT);
                }
                (("SIGTERM", Signal::TERM), Some(Goal::RedisUp(name)))
            }
        };
        let mut told = vec![];
        for at in running {
            let shard = &mut redis.shards[at];
            match action {
                RedisAction::Stop => shard.stopped = true,
                RedisAction::Continue => shard.stopped = false,
                RedisAction::Kill | RedisAction::Restart { .. } => {}
            }
            shard.signal(signal.1);
            told.push(shard.name.clone());
        }
        if matches!(action, RedisAction::Restart { .. }) {
            for at in ended {
                self.restart_shard(at).map_err(|error| error.to_string())?;
            }
        }
        for name in told {
            let signal = signal.0;
            self.tell(Notice::Signalled { name, signal }).await;
        }
        Ok(goal)
    }

    pub(super) async fn redis_ended(&mut self, name: &str) {
        let Some(redis) = &mut self.redis else { return };
        let Some(at) = redis.place(name) else { return };
        let shard = &mut redis.shards[at];
        let ended = shard.process.take().and_then(|process| process.life.exit());
        (shard.stopped, shard.listens) = (false, false);
        let restart = shard.after != After::Nothing;
        let status = ended.unwrap_or_default();
        let all = redis.shards.iter().all(|shard| shard.process.is_none());
        let text = format!("{name} ended with {status}");
        let name = name.to_owned();
        self.tell(Notice::RedisEnded {
            name: name.clone(),
            status,
            restart,
        })
        .await;
        self.finish_redis(Goal::RedisGone, &name, all, &Ok(text));
        if restart && let Err(error) = self.restart_shard(at) {
            self.finish_redis(Goal::RedisUp, &name, true, &Err(error.to_string()));
        }
    }

    fn restart_shard(&mut self, at: usize) -> Result<(), Error> {
        let Some(redis) = &mut self.redis else {
            return Ok(());
        };
        let after = std::mem::replace(&mut redis.shards[at].after, After::Nothing);
        if after == (After::Restart { empty: true }) {
            redis.shards[at].data.clear().map_err(failed)?;
        }
        let process = redis.spawn(at, &self.options, &self.lines)?;
        let shard = &mut redis.shards[at];
        let (life, address) = (process.life.clone(), shard.address);
        shard.process = Some(process);
        let name = shard.name.clone();
        if let Some(redis) = &self.redis {
            self.watch_shard(&redis.shards[at]);
        }
        self.later(async move { Happened::RedisListens(name, listening(&life, address).await) });
        Ok(())
    }

    pub(super) async fn redis_listens(&mut self, name: &str, listens: Result<(), Error>) {
        let Some(redis) = &mut self.redis else { return };
        let Some(at) = redis.place(name) else { return };
        let shard = &mut redis.shards[at];
        let name = name.to_owned();
        match (listens, &shard.process) {
            (Ok(()), Some(process)) => {
                let (address, pid) = (shard.address, process.pid);
                shard.listens = true;
                let all = redis.shards.iter().all(|shard| shard.listens);
                let told = name.clone();
                self.tell(Notice::RedisStarted {
                    name: told,
                    address,
                    pid,
                })
                .await;
                let text = format!("{name} runs again on {address}");
                self.finish_redis(Goal::RedisUp, &name, all, &Ok(text));
            }
            (Err(error), _) => {
                self.finish_redis(Goal::RedisUp, &name, true, &Err(error.to_string()));
            }
            (Ok(()), None) => {}
        }
    }

    /// Tells those who wait for this shard; and for all, where that is so.
    fn finish_redis(
        &mut self,
        goal: impl Fn(Option<String>) -> Goal,
        name: &str,
        all: bool,
        outcome: &Result<String, String>,
    ) {
        self.finish(&goal(Some(name.to_owned())), outcome);
        if all {
            self.finish(&goal(None), outcome);
        }
    }

    /// Whether every process of the Redis runs, where the stack has one.
    pub(super) fn redis_runs(&self) -> bool {
        let mut shards = self.redis.iter().flat_map(|redis| &redis.shards);
        shards.all(|shard| shard.process.is_some())
    }

    /// The Redis for programs: null where the store is none.
    pub(super) fn describe_redis(&self) -> Value {
        let Some(redis) = &self.redis else {
            return match self.setup.task.store {
                Store::Own(_) => Value::Null,
                Store::Redis | Store::Cluster(_) => {
                    json!({ "url": self.store.url, "pid": null, "state": "elsewhere" })
                }
            };
        };
        let described = |state: &str, pid: Option<u32>| json!({ "url": self.store.url, "pid": pid, "state": state });
        if let [one] = &redis.shards[..]
            && one.bus.is_none()
        {
            return described(one.state(), one.pid());
        }
        let shards = redis.shards.iter().map(|shard| {
            json!({
                "id": shard.name, "address": shard.address.to_string(), "pid": shard.pid(),
                "state": shard.state(),
            })
        });
        let mut states: Vec<_> = redis.shards.iter().map(Shard::state).collect();
        states.dedup();
        let together = if let [one] = states[..] {
            one
        } else {
            "degraded"
        };
        let mut described = described(together, None);
        described["shards"] = shards.collect();
        described
    }
}
