//! Which primary has each part of the store, and calls that go to it.
//!
//! A cluster's primaries change: slots move, replicas take over. Whatever hints at it, an error or a
//! broken connection, makes `slots` look again. What was not carried out meanwhile is tried again,
//! a few times, for a moment. A slot that is on its way from one primary to another is on neither:
//! its source refuses scripts with `ASK`, and that is not followed, because a script uses keys that
//! its caller does not name. Whoever asks for that part then is told to try again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::{Cmd, Pipeline, RedisResult, Value};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::encoding::Row;
use super::link::{is_elsewhere, unavailable};
use super::lock;
use super::names::Layout;
use super::primary::Primary;
use super::whereabouts::{Address, Login, Whereabouts};
use super::writer::Work;
use crate::store::{Part, Parts, Result, StoreError};
use crate::tasks::Tasks;

/// How often a call is tried again that was not carried out.
const TRIES: u32 = 3;
/// How long each of them waits for news of where its part is.
const NEWS: Duration = Duration::from_millis(150);

/// The primaries of the store.
pub(super) struct Primaries {
    pub(super) layout: Layout,
    map: Mutex<Map>,
    /// How often parts have moved.
    changed: watch::Sender<u64>,
    /// Something hints that parts have moved.
    pub(super) trouble: Arc<Notify>,
    tasks: Tasks,
}

#[derive(Default)]
struct Map {
    owners: Vec<Option<Arc<Primary>>>,
    /// Everyone that has ever had a part. A server that comes back is known.
    known: Vec<Arc<Primary>>,
}

/// Where every part is, by an answer of a cluster.
pub(super) type Owners = Vec<Option<Address>>;

impl Primaries {
    /// No primary yet.
    pub(super) fn new(layout: Layout, tasks: &Tasks) -> Self {
        Self {
            layout,
            map: Mutex::default(),
            changed: watch::Sender::new(0),
            trouble: Arc::default(),
            tasks: tasks.clone(),
        }
    }

    /// The only one, which has everything.
    pub(super) fn set_only(&self, whereabouts: Whereabouts) {
        let primary = self.start(None, whereabouts);
        primary.has(self.layout.parts());
        *lock(&self.map) = Map {
            owners: vec![Some(primary.clone())],
            known: vec![primary],
        };
    }

    /// Notes where the parts are.
    pub(super) fn set(&self, owners: Owners, login: &Login) -> RedisResult<()> {
        let mut map = lock(&self.map);
        let mut now = Vec::with_capacity(owners.len());
        for address in owners {
            now.push(match address {
                None => None,
                Some(address) => Some(match map.at(&address) {
                    Some(known) => known,
                    None => {
                        let client = login.client(&address)?;
                        let new = self.start(Some(address), Whereabouts::At(client));
                        map.known.push(new.clone());
                        new
                    }
                }),
            });
        }
        map.owners = now;
        let mut is_news = false;
        for primary in &map.known {
            let owns = |part: &Part| {
                let owner = map.owners.get(part.index()).and_then(Option::as_ref);
                owner.is_some_and(|owner| Arc::ptr_eq(owner, primary))
            };
            let parts: Parts = self.layout.parts().iter().filter(owns).collect();
            let before = primary.parts();
            if primary.has(parts) {
                is_news = true;
                let number = parts.iter().count();
                let primary = primary.name();
                match before.is_empty() || parts.is_empty() {
                    true => tracing::info!(primary, parts = number, "the store's primaries change"),
                    false => tracing::debug!(primary, parts = number, "parts of the store move"),
                }
            }
        }
        if is_news {
            self.changed.send_modify(|times| *times += 1);
        }
        Ok(())
    }

    fn start(&self, address: Option<Address>, whereabouts: Whereabouts) -> Arc<Primary> {
        Primary::start(
            address,
            whereabouts,
            self.layout,
            &self.trouble,
            &self.tasks,
        )
    }

    /// Tells when parts have moved.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The primary that has a part.
    pub(super) fn of(&self, part: Part) -> Result<Arc<Primary>> {
        let owner = lock(&self.map).owners.get(part.index()).cloned();
        owner.flatten().ok_or_else(|| {
            let slot = super::names::slot(part);
            StoreError::Unavailable(format!("no primary of the cluster has slot {slot}"))
        })
    }

    /// Everyone that has ever had a part.
    pub(super) fn known(&self) -> Vec<Arc<Primary>> {
        lock(&self.map).known.clone()
    }

    /// Everyone that has a part.
    pub(super) fn all(&self) -> Vec<Arc<Primary>> {
        let mut known = self.known();
        known.retain(|primary| !primary.parts().is_empty());
        known
    }

    /// One that is connected, the first if possible.
    pub(super) fn any(&self) -> Result<Arc<Primary>> {
        let all = self.all();
        let connected = all
            .iter()
            .find(|primary| primary.calls.why_away().is_none());
        let any = connected.or(all.first()).cloned();
        any.ok_or_else(|| StoreError::Unavailable("the cluster has no primary".into()))
    }

    /// What is away, and why; none if nothing is.
    pub(super) fn trouble(&self) -> Option<String> {
        let all = self.all();
        let away = all.iter().find_map(|primary| {
            let why = primary.calls.why_away()?;
            Some(format!(
                "the store's primary {} is away: {why}",
                primary.name()
            ))
        });
        self.missing().or(away)
    }

    /// Which part has no primary; none if each has one.
    pub(super) fn missing(&self) -> Option<String> {
        let mut parts = self.layout.parts().iter();
        let missing = parts.find_map(|part| self.of(part).err());
        missing.map(|error| error.to_string())
    }

    /// Asks the primary of a part for one answer.
    pub(super) async fn ask(&self, part: Part, command: &Cmd) -> Result<Value> {
        let mut tries = self.tries();
        loop {
            match self.of(part)?.calls.ask(command).await {
                Err(error) if is_elsewhere(&error) && self.look_again(&mut tries).await => {}
                answer => return answer.map_err(|error| unavailable(&error)),
            }
        }
    }

    /// Asks the primary of a part for several answers at once. An error in one is in its place.
    pub(super) async fn ask_all(
        &self,
        part: Part,
        pipeline: &mut Pipeline,
    ) -> Result<Vec<RedisResult<Value>>> {
        let away = |error| unavailable(&error);
        let mut answers = self.of(part)?.calls.ask_all(pipeline).await.map_err(away)?;
        let mut tries = self.tries();
        loop {
            let open = open(&answers);
            if open.is_empty() || !self.look_again(&mut tries).await {
                return Ok(answers);
            }
            let mut rest = redis::pipe();
            let commands: Vec<&Cmd> = pipeline.cmd_iter().collect();
            open.iter().for_each(|index| {
                rest.add_command(commands[*index].clone());
            });
            let found = self
                .of(part)?
                .calls
                .ask_all(&mut rest)
                .await
                .map_err(away)?;
            fill(&mut answers, &open, found);
        }
    }

    /// Carries out commands on a part, and returns when they are safe; or the first error.
    pub(super) async fn write(&self, part: Part, commands: Vec<Cmd>) -> Result<Vec<Value>> {
        self.carry_out(part, Work::Commands(commands)).await
    }

    /// Stores messages of a part, and returns an answer for each when they are safe.
    pub(super) async fn publish(&self, part: Part, rows: Vec<Row>) -> Result<Vec<Value>> {
        self.carry_out(part, Work::Rows(rows)).await
    }

    async fn carry_out(&self, part: Part, work: Work) -> Result<Vec<Value>> {
        let away = |error| unavailable(&error);
        let mut tries = self.tries();
        let again = (tries > 0).then(|| work.clone());
        let mut answers = self.of(part)?.writer.run(part, work).await.map_err(away)?;
        loop {
            let open = open(&answers);
            let Some(rest) = again.as_ref().filter(|_| !open.is_empty()) else {
                break;
            };
            if !self.look_again(&mut tries).await {
                break;
            }
            let primary = self.of(part)?;
            let found = primary.writer.run(part, rest.only(&open)).await;
            fill(&mut answers, &open, found.map_err(away)?);
        }
        let answers: RedisResult<Vec<Value>> = answers.into_iter().collect();
        answers.map_err(away)
    }

    fn tries(&self) -> u32 {
        match self.layout {
            Layout::Single => 0,
            Layout::Cluster => TRIES,
        }
    }

    /// Waits for news of where the parts are, unless that was done often enough.
    async fn look_again(&self, tries: &mut u32) -> bool {
        if *tries == 0 {
            return false;
        }
        *tries -= 1;
        let mut changed = self.watch();
        self.trouble.notify_one();
        // Without news it is tried all the same: a slot may have arrived.
        let _ = timeout(NEWS, changed.changed()).await;
        true
    }
}

impl Map {
    fn at(&self, address: &Address) -> Option<Arc<Primary>> {
        let mut known = self.known.iter();
        known
            .find(|primary| primary.address.as_ref() == Some(address))
            .cloned()
    }
}

/// The places of those that were not carried out.
fn open(answers: &[RedisResult<Value>]) -> Vec<usize> {
    let places = answers.iter().enumerate();
    let open = places.filter(|(_, answer)| answer.as_ref().is_err_and(is_elsewhere));
    open.map(|(index, _)| index).collect()
}

fn fill(answers: &mut [RedisResult<Value>], open: &[usize], found: Vec<RedisResult<Value>>) {
    for (index, answer) in open.iter().zip(found) {
        answers[*index] = answer;
    }
}
