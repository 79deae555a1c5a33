//! The store's calls, each a script or a few commands.

use std::sync::Arc;

use async_trait::async_trait;
use redis::{Cmd, Value, cmd};
use tokio::sync::{broadcast, oneshot};

use super::encoding::{Counts, add_position, noting, published, receipt, recording, row, status};
use super::link::{is_lasting, unavailable};
use super::{Redis, keys, listener, message_format, names, read, script};
use crate::ban::Ban;
use crate::clock::Millis;
use crate::keys::{KeyRecord, KeyUse};
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::store::{
    Announcement, Cancelled, Draft, Expired, Held, MAX_RECEIPTS, Published, Receipt, Restored,
    Result, Store, StoreError, Swept, Tally, Waiting, Wanted,
};

/// Receipts in one call of a script: Redis does nothing else meanwhile.
const RECEIPTS: usize = 128;
/// Messages that are counted in one call: Redis does nothing else meanwhile.
const PAGE: u64 = 500;

#[async_trait]
impl Store for Redis {
    async fn now(&self) -> Result<i64> {
        self.shared.micros().await
    }

    async fn publish(&self, drafts: Vec<Draft>) -> Result<Vec<Published>> {
        let full = self.shared.is_full();
        let rows = drafts.iter().map(|d| row(d, full, &self.shared.seals));
        let answers = self.shared.writer.publish(rows.collect()).await?;
        let published = drafts
            .iter()
            .zip(answers)
            .map(|(draft, answer)| published(draft, answer, full))
            .collect::<Result<Vec<_>>>()?;
        for (draft, answer) in drafts.iter().zip(&published) {
            // A repeat may be of one whose answer was lost.
            if let Published::Stored(status) | Published::Repeated(status) = answer {
                self.shared
                    .accepted()
                    .accept(&status.message, draft.created_at);
            }
        }
        Ok(published)
    }

    async fn status(&self, mailbox: &Mailbox, id: &str) -> Result<Option<Status>> {
        let prefix = names::mailbox(mailbox);
        let mut pipeline = redis::pipe();
        pipeline.cmd("GET").arg(format!("{prefix}m:{id}"));
        pipeline
            .cmd("HMGET")
            .arg(format!("{prefix}r:{id}"))
            .arg(&["#d", "#a", "#c", "#s"]);
        let slots: Vec<String> = (1..=MAX_RECEIPTS).map(|n| format!("#{n}")).collect();
        pipeline
            .cmd("HMGET")
            .arg(format!("{prefix}r:{id}"))
            .arg(slots);
        pipeline
            .cmd("LRANGE")
            .arg(format!("{prefix}t:{id}"))
            .arg(0)
            .arg(-1);
        let mut answers = self.shared.calls.ask_all(&mut pipeline).await?.into_iter();
        let mut next = || match answers.next() {
            Some(answer) => answer.map_err(|error| unavailable(&error)),
            None => Ok(Value::Nil),
        };
        let found: Option<Vec<u8>> = read(next()?)?;
        let (shown, acknowledged, cancelled, seq): (_, _, _, Option<u64>) = read(next()?)?;
        let kept: Vec<Option<String>> = read(next()?)?;
        let notes: Vec<Vec<u8>> = read(next()?)?;
        let Some(message) = found.and_then(|found| message_format::decode(mailbox, &found)) else {
            return Ok(None);
        };
        // What is known of a message that had this id, and was lost, says nothing.
        let (counts, kept): (Counts, _) = match seq {
            Some(seq) if seq != message.seq => Default::default(),
            _ => ((shown, acknowledged, cancelled), kept),
        };
        let kept = kept.iter().flatten();
        let receipts = kept.filter_map(|row| receipt(&message, row));
        // Notes that another release wrote in another way are left out.
        let notes = notes
            .iter()
            .filter_map(|json| serde_json::from_slice(json).ok());
        Ok(Some(Status {
            notes: notes.collect(),
            receipts: receipts.collect(),
            ..status(message, counts)
        }))
    }

    async fn list(
        &self,
        mailbox: &Mailbox,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Status>> {
        let mut command = script::LIST.on_mailbox(mailbox);
        add_position(&mut command, before, "");
        let found: Vec<(Vec<u8>, Counts)> = read(self.shared.calls.ask(command.arg(limit)).await?)?;
        Ok(found
            .into_iter()
            .filter_map(|(found, counts)| {
                Some(status(message_format::decode(mailbox, &found)?, counts))
            })
            .collect())
    }

    async fn tally(&self, mailbox: &Mailbox) -> Result<Tally> {
        let (mut tally, mut counted) = (Tally::default(), 0);
        loop {
            let mut command = script::TALLY.on_mailbox(mailbox);
            command.arg(counted).arg(PAGE);
            let answer = self.shared.calls.ask(&command).await?;
            let (scheduled, pending, delivered, acknowledged, more): (u64, u64, u64, u64, u8) =
                read(answer)?;
            tally.scheduled += scheduled;
            tally.pending += pending;
            tally.delivered += delivered;
            tally.acknowledged += acknowledged;
            counted += PAGE;
            if more == 0 {
                return Ok(tally);
            }
        }
    }

    async fn cancel(&self, mailbox: &Mailbox, id: &str) -> Result<Cancelled> {
        let mut command = script::CANCEL.on_mailbox(mailbox);
        command
            .arg(id)
            .arg(names::announcements(mailbox))
            .arg(mailbox.as_str());
        // The script cannot seal what it announces; so it is told what it is to find.
        let key = format!("{}m:{id}", names::mailbox(mailbox));
        let found: Option<Vec<u8>> = read(self.shared.calls.ask(cmd("GET").arg(key)).await?)?;
        let found = found.and_then(|found| message_format::decode(mailbox, &found));
        if let Some(at) = found.map(|message| message.position())
            && let Some(seal) = self.shared.seals.of_cancellation(mailbox.as_str(), id, at)
        {
            command.arg(at.seq).arg(at.deliver_at.0).arg(seal);
        }
        match self.write::<String>(command).await?.as_str() {
            "done" => Ok(Cancelled::Done),
            "late" => Ok(Cancelled::TooLate),
            _ => Ok(Cancelled::Unknown),
        }
    }

    async fn backlog(
        &self,
        mailbox: &Mailbox,
        key: &str,
        after: Option<Position>,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<Waiting>> {
        let mut command = script::BACKLOG.on_mailbox(mailbox);
        command.arg(key);
        add_position(&mut command, after, "~");
        command.arg(until.0).arg(limit);
        let found: Vec<(String, Vec<u8>)> = read(self.shared.calls.ask(&command).await?)?;
        let waiting = found.into_iter().filter_map(|(flag, found)| {
            Some(Waiting {
                message: message_format::decode(mailbox, &found)?,
                redelivered: flag == "d",
            })
        });
        Ok(waiting.collect())
    }

    async fn sweep(
        &self,
        mailbox: &Mailbox,
        seq: Option<u64>,
        after: Millis,
        until: Millis,
    ) -> Result<Swept> {
        self.shared.read_on(mailbox, seq, after, until).await
    }

    async fn record(&self, mut receipts: Vec<Receipt>) -> Result<()> {
        receipts.sort_by(|a, b| {
            let (a, b) = (&a.message, &b.message);
            (&a.mailbox, a.seq).cmp(&(&b.mailbox, b.seq))
        });
        let mut pipeline = redis::pipe();
        for chunk in receipts.chunks(RECEIPTS) {
            pipeline.add_command(recording(chunk));
        }
        let answers = self.shared.calls.ask_all(&mut pipeline).await?;
        for answer in answers.iter().flatten() {
            let damaged: Vec<String> = read(answer.clone())?;
            if let Some(error) = damaged.first() {
                let messages = damaged.len();
                tracing::error!(messages, %error, "the store cannot take receipts; they are dropped");
            }
        }
        check("receipts", answers)
    }

    async fn note(&self, notes: Vec<(Arc<Message>, Note)>) -> Result<()> {
        let mut pipeline = redis::pipe();
        for (message, note) in &notes {
            pipeline.add_command(noting(message, note)?);
        }
        check("notes", self.shared.calls.ask_all(&mut pipeline).await?)
    }

    async fn expire(&self, now: Millis, limit: usize) -> Result<Vec<Expired>> {
        self.shared.expire(now, limit).await
    }

    async fn restore(&self, held: Held) -> Result<Restored> {
        self.shared.restore(&held).await
    }

    async fn put_key(&self, key: KeyRecord) -> Result<bool> {
        self.store_key(key, "put").await
    }

    async fn prolong_key(&self, key: KeyRecord) -> Result<bool> {
        self.store_key(key, "prolong").await
    }

    async fn bar_key(&self, key: KeyRecord) -> Result<bool> {
        let barred = self.write::<u8>(keys::barring(&key)?).await? == 1;
        if barred {
            self.shared.known_keys().bar(key);
        }
        Ok(barred)
    }

    async fn key(&self, id: &str) -> Result<Option<KeyRecord>> {
        let json: Option<String> = read(
            self.shared
                .calls
                .ask(cmd("HGET").arg(names::KEYS).arg(id))
                .await?,
        )?;
        let found: Option<KeyRecord> = json.and_then(|json| serde_json::from_str(&json).ok());
        match &found {
            Some(key) => self.shared.known_keys().learn(key.clone()),
            None if self.shared.known_keys().is_revoked(id) => {}
            // "Unknown" would be final for whoever comes with it.
            None if self.shared.lacks_keys().await? => {
                return Err(StoreError::Unavailable("keys are being put back".into()));
            }
            None => {}
        }
        Ok(found)
    }

    async fn keys(&self, after: Option<&str>, limit: usize) -> Result<Vec<KeyRecord>> {
        self.shared.keys_after(after, limit).await
    }

    async fn keys_of(
        &self,
        channel: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<KeyRecord>> {
        self.shared.keys_of(channel, after, limit).await
    }

    async fn channels(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, u64)>> {
        self.shared.channels(prefix, after, limit).await
    }

    async fn record_uses(&self, uses: Vec<(Arc<str>, KeyUse)>) -> Result<()> {
        self.shared.record_uses(&uses).await
    }

    async fn uses(&self, ids: &[Arc<str>]) -> Result<Vec<Option<KeyUse>>> {
        self.shared.uses(ids).await
    }

    async fn revoke_key(&self, id: &str) -> Result<bool> {
        let revoked = self.write::<u8>(script::revoking(id, "delete")).await? == 1;
        self.shared.known_keys().revoke(id.into());
        Ok(revoked)
    }

    async fn set_presence(&self, node: &str, changes: &[(Mailbox, u32)]) -> Result<()> {
        self.shared.set_presence(node, changes).await
    }

    async fn places(&self, mailboxes: &[Mailbox]) -> Result<Vec<Vec<(String, u32)>>> {
        self.shared.places(mailboxes).await
    }

    async fn announce_ban(&self, ban: Ban) -> Result<()> {
        let Some(told) = self.shared.seals.ban(ban) else {
            return Ok(());
        };
        let mut command = cmd("PUBLISH");
        command.arg(names::bans()).arg(format!("N {told}"));
        self.shared.calls.ask(&command).await.map(|_| ())
    }

    async fn announcements(&self, wanted: Wanted) -> broadcast::Receiver<Announcement> {
        let receiver = self.shared.announcements.subscribe();
        let (listening, listens) = oneshot::channel();
        let (shared, client) = (self.shared.clone(), self.client.clone());
        let tasks = self.shared.tasks.clone();
        tasks.spawn("hear", listener::listen(shared, client, wanted, listening));
        // It is never dropped unused.
        let _ = listens.await;
        receiver
    }
}

/// Whether answers are in order. What will never be stored does not hold up the rest: it is told of
/// and dropped.
fn check(what: &str, answers: Vec<redis::RedisResult<Value>>) -> Result<()> {
    let errors = answers.into_iter().filter_map(redis::RedisResult::err);
    let (lasting, passing): (Vec<_>, Vec<_>) = errors.partition(is_lasting);
    if let Some(error) = lasting.first() {
        let mailboxes = lasting.len();
        tracing::error!(what, mailboxes, %error, "the store cannot take these; they are dropped");
    }
    passing
        .first()
        .map_or(Ok(()), |error| Err(unavailable(error)))
}

impl Redis {
    async fn store_key(&self, key: KeyRecord, how: &str) -> Result<bool> {
        let stored = self.write::<u8>(keys::putting(&key, how)?).await? == 1;
        if stored {
            self.shared.known_keys().learn(key);
        }
        Ok(stored)
    }

    /// Carries out one command that must not be lost.
    async fn write<T: redis::FromRedisValue>(&self, command: Cmd) -> Result<T> {
        let answers = self.shared.writer.run(vec![command]).await?;
        read(answers.into_iter().next().unwrap_or(Value::Nil))
    }
}
