//! Keys in Redis: their records, in the order of issue and by channel. On a cluster each part has
//! some, by id. New ids are chosen so that the keys of a channel are in its part; those that
//! somebody else has chosen are anywhere.
//!
//! A release before this one keeps no order by channel. Where both orders differ in length, the one
//! by channel is made anew from the records.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{Cmd, cmd};
use tokio::time::Instant;

use super::link::unavailable;
use super::names::Layout;
use super::{Shared, lock, read, script};
use crate::keys::{KeyKind, KeyRecord};
use crate::store::{MAX_KEYS, Part, Result, StoreError};

/// Keys in one call while the order by channel is made anew.
const CHUNK: usize = 500;

/// From one comparison of both orders to the next.
const LOOKS: Duration = Duration::from_secs(5);

/// A key's member in the order by channel.
pub(super) fn place(key: &KeyRecord) -> String {
    format!("{} {}", key.channel, key.id)
}

/// The call that stores a key: `put`, `prolong` or `restore`.
pub(super) fn putting(layout: Layout, key: &KeyRecord, how: &str) -> Result<Cmd> {
    let json = written(key)?;
    let of = layout.keys(layout.part_of_key(&key.id));
    let mut command = script::PUT_KEY.on(&[&of.records, &of.ids, &of.channels]);
    let (id, channel) = (&*key.id, &key.channel);
    command
        .arg(id)
        .arg(json)
        .arg(channel)
        .arg(most(layout))
        .arg(how);
    Ok(command)
}

/// The call that bars an id: it revokes the key that has it.
pub(super) fn barring(layout: Layout, key: &KeyRecord) -> Result<Cmd> {
    let part = layout.part_of_key(&key.id);
    let mut command = script::revoking(layout, part, &key.id, "bar");
    command.arg(written(key)?).arg(most(layout));
    Ok(command)
}

/// The most keys of a part.
fn most(layout: Layout) -> u64 {
    MAX_KEYS.div_ceil(layout.parts().iter().count() as u64)
}

fn written(key: &KeyRecord) -> Result<String> {
    serde_json::to_string(key)
        .map_err(|error| StoreError::Unavailable(format!("a key cannot be written: {error}")))
}

impl Shared {
    /// The key with this id. While its primary is away, what this node knows of it: it cannot be
    /// revoked meanwhile.
    pub(super) async fn key(&self, id: &str) -> Result<Option<KeyRecord>> {
        let layout = self.primaries.layout;
        let part = layout.part_of_key(id);
        let mut command = cmd("HGET");
        command.arg(&*layout.keys(part).records).arg(id);
        let answer = match self.primaries.ask(part, &command).await {
            // Where everything is away, a connection is of no use.
            Err(error) if layout == Layout::Cluster => {
                return self.recall_key(id).await.map(Some).ok_or(error);
            }
            answer => answer?,
        };
        let json: Option<String> = read(answer)?;
        let found: Option<KeyRecord> = json.and_then(|json| serde_json::from_str(&json).ok());
        match &found {
            Some(key) => self.known_keys().learn(key.clone()),
            None if self.known_keys().is_revoked(id) => {}
            // "Unknown" would be final for whoever comes with it.
            None if self.lacks_keys(part).await? => {
                return Err(StoreError::Unavailable("keys are being put back".into()));
            }
            None => {}
        }
        Ok(found)
    }

    /// Whether an id is barred. While its primary is away, it is not if it was not when this node
    /// asked last: it cannot be barred meanwhile.
    pub(super) async fn is_barred(&self, id: &str) -> Result<bool> {
        match self.key(id).await {
            Ok(Some(key)) if key.kind == KeyKind::Barred => Ok(true),
            Ok(_) => {
                self.known_keys().learn_open(id);
                Ok(false)
            }
            Err(_) if self.primaries.layout == Layout::Cluster && self.known_keys().is_open(id) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// A key as it was known last. One that has ended may have been prolonged since.
    async fn recall_key(&self, id: &str) -> Option<KeyRecord> {
        let known = self.known_keys().recall(id)?;
        let now = self.now().await.ok()?;
        Some(known).filter(|key| !key.has_expired(now))
    }

    /// Keys after `after`, by id.
    pub(super) async fn keys_after(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<KeyRecord>> {
        let each = self.each_part(|part| self.keys_of_part(part, after, limit));
        Ok(first_by_id(each.await?, limit))
    }

    async fn keys_of_part(
        &self,
        part: Part,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<KeyRecord>> {
        let mut command = cmd("ZRANGEBYLEX");
        let from = after.map_or("-".to_owned(), |after| format!("({after}"));
        let of = self.primaries.layout.keys(part);
        command.arg(&*of.ids).arg(from).arg("+");
        command.arg("LIMIT").arg(0).arg(limit);
        let ids: Vec<String> = read(self.primaries.ask(part, &command).await?)?;
        self.records(part, &ids).await
    }

    /// A channel's keys after `after`, by id.
    pub(super) async fn keys_of(
        &self,
        channel: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<KeyRecord>> {
        self.complete_channels().await?;
        let from = match after {
            Some(after) => format!("({channel} {after}"),
            None => format!("[{channel} "),
        };
        // The character behind the space.
        let end = format!("({channel}!");
        let each = self.each_part(async |part| {
            let mut command = cmd("ZRANGEBYLEX");
            let of = self.primaries.layout.keys(part);
            command.arg(&*of.channels).arg(&from).arg(&end);
            command.arg("LIMIT").arg(0).arg(limit);
            let members: Vec<String> = read(self.primaries.ask(part, &command).await?)?;
            let ids = members.iter().filter_map(|member| member.split_once(' '));
            let ids: Vec<String> = ids.map(|(_, id)| id.to_owned()).collect();
            self.records(part, &ids).await
        });
        Ok(first_by_id(each.await?, limit))
    }

    /// Channels that have keys, with their number.
    pub(super) async fn channels(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, u64)>> {
        self.complete_channels().await?;
        let after = after.filter(|after| *after >= prefix).unwrap_or_default();
        let each = self.each_part(async |part| {
            let of = self.primaries.layout.keys(part);
            let mut command = script::CHANNELS.on(&[&of.channels]);
            command.arg(prefix).arg(after).arg(limit);
            read::<Vec<(String, u64)>>(self.primaries.ask(part, &command).await?)
        });
        // Each part has named its first ones: the first of all are among them, and counted.
        let mut all = BTreeMap::new();
        for (channel, number) in each.await?.into_iter().flatten() {
            *all.entry(channel).or_default() += number;
        }
        Ok(all.into_iter().take(limit).collect())
    }

    /// What every part answers.
    async fn each_part<T, F: Future<Output = Result<T>>>(
        &self,
        ask: impl Fn(Part) -> F,
    ) -> Result<Vec<T>> {
        let parts = self.primaries.layout.parts();
        try_join_all(parts.iter().map(ask)).await
    }

    async fn records(&self, part: Part, ids: &[String]) -> Result<Vec<KeyRecord>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = cmd("HMGET");
        command
            .arg(&*self.primaries.layout.keys(part).records)
            .arg(ids);
        let records: Vec<Option<String>> = read(self.primaries.ask(part, &command).await?)?;
        let records = records.into_iter().flatten();
        Ok(records
            .filter_map(|json| serde_json::from_str(&json).ok())
            .collect())
    }

    /// Makes the order by channel anew where another release has issued or revoked keys.
    async fn complete_channels(&self) -> Result<()> {
        // No other release has kept keys on a cluster.
        let part = match self.primaries.layout {
            Layout::Single => Part::FIRST,
            Layout::Cluster => return Ok(()),
        };
        let (state, of) = (self.part(part), self.primaries.layout.keys(part));
        let is_recent = |at: Instant| at.elapsed() < LOOKS;
        if lock(&state.channels_looked_at).is_some_and(is_recent) {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        pipeline.cmd("ZCARD").arg(&*of.ids);
        pipeline.cmd("ZCARD").arg(&*of.channels);
        let answers = self
            .primaries
            .ask_all(part, &mut pipeline)
            .await?
            .into_iter();
        let numbers = answers.map(|answer| read(answer.map_err(|error| unavailable(&error))?));
        let numbers: Vec<u64> = numbers.collect::<Result<_>>()?;
        let are_equal = numbers.windows(2).all(|pair| pair[0] == pair[1]);
        // A record that a later release has written in another way has no place.
        if are_equal || *lock(&state.incomplete_channels) == numbers {
            *lock(&state.channels_looked_at) = Some(Instant::now());
            return Ok(());
        }
        let mut after: Option<Arc<str>> = None;
        loop {
            let keys = self.keys_after(after.as_deref(), CHUNK).await?;
            let mut add = cmd("ZADD");
            add.arg(&*of.channels);
            for key in &keys {
                add.arg(0).arg(place(key));
            }
            let Some(last) = keys.last() else { break };
            after = Some(last.id.clone());
            self.primaries.ask(part, &add).await?;
        }
        self.drop_places_without_key(part).await?;
        *lock(&state.incomplete_channels) = numbers;
        Ok(())
    }

    /// Takes keys out of the order by channel that are none any more.
    async fn drop_places_without_key(&self, part: Part) -> Result<()> {
        let of = self.primaries.layout.keys(part);
        let mut list = cmd("ZRANGE");
        list.arg(&*of.channels).arg(0).arg(-1);
        let places: Vec<String> = read(self.primaries.ask(part, &list).await?)?;
        for chunk in places.chunks(CHUNK) {
            let ids = chunk.iter().filter_map(|place| place.split_once(' '));
            let ids: Vec<&str> = ids.map(|(_, id)| id).collect();
            let mut records = cmd("HMGET");
            records.arg(&*of.records).arg(ids);
            let records: Vec<Option<String>> = read(self.primaries.ask(part, &records).await?)?;
            let pairs = chunk.iter().zip(records);
            // A key that is barred has another place than before.
            let stays = |at: &str, record: &str| {
                let key = serde_json::from_str::<KeyRecord>(record);
                key.is_ok_and(|key| place(&key) == at)
            };
            let gone = pairs.filter(|(at, record)| !record.as_ref().is_some_and(|r| stays(at, r)));
            let gone: Vec<&String> = gone.map(|(place, _)| place).collect();
            if !gone.is_empty() {
                let mut remove = cmd("ZREM");
                remove.arg(&*of.channels).arg(gone);
                self.primaries.ask(part, &remove).await?;
            }
        }
        Ok(())
    }
}

/// The first keys of all parts.
fn first_by_id(each: Vec<Vec<KeyRecord>>, limit: usize) -> Vec<KeyRecord> {
    let mut all: Vec<_> = each.into_iter().flatten().collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all.truncate(limit);
    all
}
