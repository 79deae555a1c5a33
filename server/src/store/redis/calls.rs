//! The store's calls, each a script or a few commands.

use std::sync::Arc;

use async_trait::async_trait;
use redis::{Cmd, Value, cmd};
use tokio::sync::{broadcast, oneshot};

use super::encoding::{Counts, add_position, noting, receipt, recording, status};
use super::link::unavailable;
use super::names::Layout;
use super::restore::announcing;
use super::{Redis, keys, listener, message_format, read, script};
use crate::ban::Ban;
use crate::clock::Millis;
use crate::keys::{KeyRecord, KeyUse};
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::store::{
    Announcement, Cancelled, Draft, Expired, Held, MAX_RECEIPTS, Part, Parts, Published, Receipt,
    Restored, Result, Store, Swept, Tally, Waiting, Wanted,
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
        self.shared.publish(drafts).await
    }

    async fn status(&self, mailbox: &Mailbox, id: &str) -> Result<Option<Status>> {
        let (part, prefix) = (self.shared.part_of(mailbox), self.layout().mailbox(mailbox));
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
        let answers = self.shared.primaries.ask_all(part, &mut pipeline).await?;
        let mut answers = answers.into_iter();
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
        let mut command = script::LIST.on_mailbox(self.layout(), mailbox);
        add_position(&mut command, before, "");
        let answer = self.ask_of(mailbox, command.arg(limit)).await?;
        let found: Vec<(Vec<u8>, Counts)> = read(answer)?;
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
            let mut command = script::TALLY.on_mailbox(self.layout(), mailbox);
            command.arg(counted).arg(PAGE);
            let answer = self.ask_of(mailbox, &command).await?;
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
        let mut command = script::CANCEL.on_mailbox(self.layout(), mailbox);
        command
            .arg(id)
            .arg(self.layout().announcements(mailbox))
            .arg(mailbox.as_str());
        // The script cannot seal what it announces; so it is told what it is to find.
        let key = format!("{}m:{id}", self.layout().mailbox(mailbox));
        let found: Option<Vec<u8>> = read(self.ask_of(mailbox, cmd("GET").arg(key)).await?)?;
        let found = found.and_then(|found| message_format::decode(mailbox, &found));
        if let Some(at) = found.map(|message| message.position())
            && let Some(seal) = self.shared.seals.of_cancellation(mailbox.as_str(), id, at)
        {
            command.arg(at.seq).arg(at.deliver_at.0).arg(seal);
        }
        let part = self.shared.part_of(mailbox);
        match self.write::<String>(part, command).await?.as_str() {
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
        let mut command = script::BACKLOG.on_mailbox(self.layout(), mailbox);
        command.arg(key);
        add_position(&mut command, after, "~");
        command.arg(until.0).arg(limit);
        let found: Vec<(String, Vec<u8>)> = read(self.ask_of(mailbox, &command).await?)?;
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
        let layout = self.layout();
        receipts.sort_by_cached_key(|receipt| {
            let message = &receipt.message;
            let part = layout.part_of(&message.mailbox);
            (part, message.mailbox.clone(), message.seq)
        });
        let part_of = |receipt: &Receipt| layout.part_of(&receipt.message.mailbox);
        let of_parts = receipts.chunk_by(|a, b| part_of(a) == part_of(b));
        let chunks = of_parts.flat_map(|of_part| of_part.chunks(RECEIPTS));
        let commands = chunks.map(|chunk| (part_of(&chunk[0]), recording(layout, chunk)));
        for answer in self.shared.carry_out("receipts", commands).await? {
            let damaged: Vec<String> = read(answer)?;
            if let Some(error) = damaged.first() {
                let messages = damaged.len();
                tracing::error!(messages, %error, "the store cannot take receipts; they are dropped");
            }
        }
        Ok(())
    }

    async fn note(&self, notes: Vec<(Arc<Message>, Note)>) -> Result<()> {
        let layout = self.layout();
        let commands = notes.iter().map(|(message, note)| {
            let part = self.shared.part_of(&message.mailbox);
            Ok((part, noting(layout, message, note)?))
        });
        let commands: Vec<_> = commands.collect::<Result<_>>()?;
        let answers = self.shared.carry_out("notes", commands.into_iter()).await;
        answers.map(drop)
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
        let part = self.layout().part_of_key(&key.id);
        let command = keys::barring(self.layout(), &key)?;
        let barred = self.write::<u8>(part, command).await? == 1;
        if barred {
            self.shared.known_keys().bar(key);
        }
        Ok(barred)
    }

    async fn key(&self, id: &str) -> Result<Option<KeyRecord>> {
        self.shared.key(id).await
    }

    async fn is_barred(&self, id: &str) -> Result<bool> {
        self.shared.is_barred(id).await
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
        let part = self.layout().part_of_key(id);
        let command = script::revoking(self.layout(), part, id, "delete");
        let revoked = self.write::<u8>(part, command).await? == 1;
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
        let (layout, told) = (self.layout(), format!("N {told}"));
        let mut outcome = Ok(());
        // Every node listens to every part.
        for part in layout.parts().iter() {
            let command = announcing(layout, &layout.notices(part), &told);
            outcome = self.shared.primaries.ask(part, &command).await.map(drop);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn trouble(&self) -> Option<String> {
        match self.layout() {
            // Its calls tell.
            Layout::Single => None,
            Layout::Cluster => self.shared.primaries.trouble(),
        }
    }

    fn parts(&self) -> Parts {
        self.layout().parts()
    }

    fn part_of(&self, mailbox: &Mailbox) -> Part {
        self.shared.part_of(mailbox)
    }

    async fn announcements(&self, wanted: Wanted) -> broadcast::Receiver<Announcement> {
        let receiver = self.shared.announcements.subscribe();
        let (listening, listens) = oneshot::channel();
        let shared = self.shared.clone();
        let tasks = self.shared.tasks.clone();
        tasks.spawn("hear", listener::listen(shared, wanted, listening));
        // It is never dropped unused.
        let _ = listens.await;
        receiver
    }
}

impl Redis {
    fn layout(&self) -> Layout {
        self.shared.primaries.layout
    }

    async fn ask_of(&self, mailbox: &Mailbox, command: &Cmd) -> Result<Value> {
        let part = self.shared.part_of(mailbox);
        self.shared.primaries.ask(part, command).await
    }

    async fn store_key(&self, key: KeyRecord, how: &str) -> Result<bool> {
        let part = self.layout().part_of_key(&key.id);
        let command = keys::putting(self.layout(), &key, how)?;
        let stored = self.write::<u8>(part, command).await? == 1;
        if stored {
            self.shared.known_keys().learn(key);
        }
        Ok(stored)
    }

    /// Carries out one command that must not be lost.
    async fn write<T: redis::FromRedisValue>(&self, part: Part, command: Cmd) -> Result<T> {
        let answers = self.shared.primaries.write(part, vec![command]).await?;
        read(answers.into_iter().next().unwrap_or(Value::Nil))
    }
}
