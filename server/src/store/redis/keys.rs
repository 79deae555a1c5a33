//! Keys in Redis: their records, in the order of issue and by channel, and how they were used.
//!
//! A release before this one keeps no order by channel. Where both orders differ in length, the one
//! by channel is made anew from the records.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, cmd};
use tokio::time::Instant;

use super::link::unavailable;
use super::{Shared, lock, names, read, script};
use crate::clock::Millis;
use crate::keys::{KeyRecord, KeyUse};
use crate::store::{MAX_KEYS, Result, StoreError};

/// Keys in one call while the order by channel is made anew.
const CHUNK: usize = 500;

/// From one comparison of both orders to the next.
const LOOKS: Duration = Duration::from_secs(5);

/// A key's member in the order by channel.
pub(super) fn place(key: &KeyRecord) -> String {
    format!("{} {}", key.channel, key.id)
}

/// The call that stores a key: `put`, `prolong` or `restore`.
pub(super) fn putting(key: &KeyRecord, how: &str) -> Result<Cmd> {
    let json = written(key)?;
    let mut command = script::PUT_KEY.on(&[names::KEYS, names::KEY_IDS, names::KEY_CHANNELS]);
    let (id, channel) = (&*key.id, &key.channel);
    command
        .arg(id)
        .arg(json)
        .arg(channel)
        .arg(MAX_KEYS)
        .arg(how);
    Ok(command)
}

/// The call that bars an id: it revokes the key that has it.
pub(super) fn barring(key: &KeyRecord) -> Result<Cmd> {
    let mut command = script::revoking(&key.id, "bar");
    command.arg(written(key)?).arg(MAX_KEYS);
    Ok(command)
}

fn written(key: &KeyRecord) -> Result<String> {
    serde_json::to_string(key)
        .map_err(|error| StoreError::Unavailable(format!("a key cannot be written: {error}")))
}

impl Shared {
    /// Keys after `after`, by id.
    pub(super) async fn keys_after(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<KeyRecord>> {
        let mut command = cmd("ZRANGEBYLEX");
        let from = after.map_or("-".to_owned(), |after| format!("({after}"));
        command.arg(names::KEY_IDS).arg(from).arg("+");
        command.arg("LIMIT").arg(0).arg(limit);
        let ids: Vec<String> = read(self.calls.ask(&command).await?)?;
        self.records(&ids).await
    }

    /// A channel's keys after `after`, by id.
    pub(super) async fn keys_of(
        &self,
        channel: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<KeyRecord>> {
        self.complete_channels().await?;
        let mut command = cmd("ZRANGEBYLEX");
        let from = match after {
            Some(after) => format!("({channel} {after}"),
            None => format!("[{channel} "),
        };
        // The character behind the space.
        let end = format!("({channel}!");
        command.arg(names::KEY_CHANNELS).arg(from).arg(end);
        command.arg("LIMIT").arg(0).arg(limit);
        let members: Vec<String> = read(self.calls.ask(&command).await?)?;
        let ids = members.iter().filter_map(|member| member.split_once(' '));
        let ids: Vec<String> = ids.map(|(_, id)| id.to_owned()).collect();
        self.records(&ids).await
    }

    /// Channels that have keys, with their number.
    pub(super) async fn channels(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, u64)>> {
        self.complete_channels().await?;
        let mut command = script::CHANNELS.on(&[names::KEY_CHANNELS]);
        let after = after.filter(|after| *after >= prefix);
        command
            .arg(prefix)
            .arg(after.unwrap_or_default())
            .arg(limit);
        read(self.calls.ask(&command).await?)
    }

    /// Keeps how keys were used.
    pub(super) async fn record_uses(&self, uses: &[(Arc<str>, KeyUse)]) -> Result<()> {
        for chunk in uses.chunks(CHUNK) {
            let mut command = script::USE_KEYS.on(&[names::KEYS, names::KEY_USES]);
            for (id, used) in chunk {
                let json = serde_json::to_string(used).map_err(|error| {
                    StoreError::Unavailable(format!("a use cannot be written: {error}"))
                })?;
                command.arg(&**id).arg(used.first_at.0).arg(json);
            }
            self.calls.ask(&command).await?;
        }
        Ok(())
    }

    /// How keys were used.
    pub(super) async fn uses(&self, ids: &[Arc<str>]) -> Result<Vec<Option<KeyUse>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = cmd("HMGET");
        command.arg(names::KEY_USES);
        for id in ids {
            command.arg(&**id).arg(format!("{id} first"));
        }
        let found: Vec<Option<String>> = read(self.calls.ask(&command).await?)?;
        let used = |pair: &[Option<String>]| {
            let used: KeyUse = serde_json::from_str(pair.first()?.as_deref()?).ok()?;
            let first = pair.get(1)?.as_deref().and_then(|text| text.parse().ok());
            Some(KeyUse {
                first_at: first.map_or(used.first_at, Millis),
                ..used
            })
        };
        Ok(found.chunks(2).map(used).collect())
    }

    async fn records(&self, ids: &[String]) -> Result<Vec<KeyRecord>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = cmd("HMGET");
        command.arg(names::KEYS).arg(ids);
        let records: Vec<Option<String>> = read(self.calls.ask(&command).await?)?;
        let records = records.into_iter().flatten();
        Ok(records
            .filter_map(|json| serde_json::from_str(&json).ok())
            .collect())
    }

    /// Makes the order by channel anew where another release has issued or revoked keys.
    async fn complete_channels(&self) -> Result<()> {
        let is_recent = |at: Instant| at.elapsed() < LOOKS;
        if lock(&self.channels_looked_at).is_some_and(is_recent) {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        pipeline.cmd("ZCARD").arg(names::KEY_IDS);
        pipeline.cmd("ZCARD").arg(names::KEY_CHANNELS);
        let answers = self.calls.ask_all(&mut pipeline).await?.into_iter();
        let numbers = answers.map(|answer| read(answer.map_err(|error| unavailable(&error))?));
        let numbers: Vec<u64> = numbers.collect::<Result<_>>()?;
        let are_equal = numbers.windows(2).all(|pair| pair[0] == pair[1]);
        // A record that a later release has written in another way has no place.
        if are_equal || *lock(&self.incomplete_channels) == numbers {
            *lock(&self.channels_looked_at) = Some(Instant::now());
            return Ok(());
        }
        let mut after: Option<Arc<str>> = None;
        loop {
            let keys = self.keys_after(after.as_deref(), CHUNK).await?;
            let mut add = cmd("ZADD");
            add.arg(names::KEY_CHANNELS);
            for key in &keys {
                add.arg(0).arg(place(key));
            }
            let Some(last) = keys.last() else { break };
            after = Some(last.id.clone());
            self.calls.ask(&add).await?;
        }
        self.drop_places_without_key().await?;
        *lock(&self.incomplete_channels) = numbers;
        Ok(())
    }

    /// Takes keys out of the order by channel that are none any more.
    async fn drop_places_without_key(&self) -> Result<()> {
        let mut list = cmd("ZRANGE");
        list.arg(names::KEY_CHANNELS).arg(0).arg(-1);
        let places: Vec<String> = read(self.calls.ask(&list).await?)?;
        for chunk in places.chunks(CHUNK) {
            let ids = chunk.iter().filter_map(|place| place.split_once(' '));
            let ids: Vec<&str> = ids.map(|(_, id)| id).collect();
            let mut records = cmd("HMGET");
            records.arg(names::KEYS).arg(ids);
            let records: Vec<Option<String>> = read(self.calls.ask(&records).await?)?;
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
                remove.arg(names::KEY_CHANNELS).arg(gone);
                self.calls.ask(&remove).await?;
            }
        }
        Ok(())
    }
}
