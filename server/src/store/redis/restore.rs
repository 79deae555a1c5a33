//! Putting back what the store has lost: after a failover its last moments, after a restart without
//! persistence everything.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use redis::cmd;

use super::link::unavailable;
use super::{Shared, lock, names, read, script};
use crate::message::{Mailbox, Message};
use crate::store::{Held, RETENTION, Restored, Result};

/// Messages in one call.
const CHUNK: usize = 200;

impl Shared {
    pub(super) async fn restore(&self, held: &Held) -> Result<Restored> {
        let now = self.now().await?;
        // A listener that was behind has not heard what was announced of it.
        let emptied = held.emptied || self.emptied.load(Ordering::Relaxed);
        let mut messages = held.messages.clone();
        messages.extend(self.accepted().held(now));
        let mut seen = HashSet::new();
        messages.retain(|m| m.expires_at > now && seen.insert((m.mailbox.clone(), m.seq)));
        // The keys first: without its key a client that comes back is refused for good.
        let mut restored = Restored {
            keys: self.put_keys_back(held, emptied).await?,
            ..Restored::default()
        };
        for chunk in messages.chunks(CHUNK) {
            let missing = self.missing(chunk).await?;
            restored.messages += self.put_back(&missing).await?;
        }
        if emptied {
            restored.lost = lock(&self.accepted).take_lost(now);
            self.emptied.store(false, Ordering::Relaxed);
        }
        Ok(restored)
    }

    /// Puts back the keys of this node's sockets, and those that it has issued or looked up;
    /// revokes once more what was revoked lately, which an old snapshot has brought back.
    async fn put_keys_back(&self, held: &Held, emptied: bool) -> Result<u64> {
        if !emptied {
            return Ok(0);
        }
        let (known, revoked) = {
            let known = self.known_keys();
            (known.live(), known.revoked())
        };
        let mut keys: HashMap<_, _> = known.into_iter().map(|key| (key.id.clone(), key)).collect();
        keys.extend(held.keys.iter().map(|key| (key.id.clone(), key.clone())));
        keys.retain(|id, _| !revoked.contains(id));
        let keys: Vec<_> = keys.into_values().collect();
        let mut restored = 0;
        for chunk in keys.chunks(CHUNK) {
            let mut pipeline = redis::pipe();
            for key in chunk {
                let json = serde_json::to_string(key).unwrap_or_default();
                let id = &*key.id;
                pipeline.cmd("HSETNX").arg(names::KEYS).arg(id).arg(json);
                pipeline.cmd("ZADD").arg(names::KEY_IDS).arg(0).arg(id);
                let place = super::keys::place(key);
                pipeline
                    .cmd("ZADD")
                    .arg(names::KEY_CHANNELS)
                    .arg(0)
                    .arg(place);
            }
            for answer in self
                .calls
                .ask_all(&mut pipeline)
                .await?
                .into_iter()
                .step_by(3)
            {
                let answer = answer.map_err(|error| unavailable(&error))?;
                restored += read::<u64>(answer)?;
            }
        }
        let again = revoked.iter().map(|id| script::revoking(id));
        self.writer.run(again.collect()).await?;
        Ok(restored)
    }

    async fn missing(&self, messages: &[Arc<Message>]) -> Result<Vec<Arc<Message>>> {
        let mut pipeline = redis::pipe();
        for message in messages {
            let name = format!("{}m:{}", names::mailbox(&message.mailbox), message.id);
            pipeline.add_command(cmd("EXISTS").arg(name).to_owned());
        }
        let answers = self.calls.ask_all(&mut pipeline).await?;
        let pairs = messages.iter().zip(answers);
        let missing = pairs.filter(|(_, answer)| {
            let exists = answer
                .as_ref()
                .ok()
                .cloned()
                .and_then(|answer| read::<u64>(answer).ok());
            exists == Some(0)
        });
        Ok(missing.map(|(message, _)| message.clone()).collect())
    }

    async fn put_back(&self, messages: &[Arc<Message>]) -> Result<u64> {
        let commands = messages.iter().map(|message| {
            let mut restore = script::RESTORE.on_mailbox(&message.mailbox);
            restore
                .arg(&message.id)
                .arg(super::message_format::encode(
                    message,
                    self.seals.of_message(message),
                ))
                .arg(RETENTION)
                .arg(message.mailbox.as_str());
            restore
        });
        let answers = self.writer.run(commands.collect()).await?;
        let (mut restored, mut mailboxes) = (0, HashSet::new());
        for (message, answer) in messages.iter().zip(answers) {
            if read::<u64>(answer)? == 1 {
                restored += 1;
                mailboxes.insert(&message.mailbox);
            }
        }
        self.announce_put_back(&mailboxes).await?;
        Ok(restored)
    }

    /// Has every node read these mailboxes anew: what was put back lies before what they have read
    /// already.
    async fn announce_put_back(&self, mailboxes: &HashSet<&Mailbox>) -> Result<()> {
        let mut pipeline = redis::pipe();
        for mailbox in mailboxes {
            let channel = names::announcements(mailbox);
            pipeline
                .cmd("PUBLISH")
                .arg(channel)
                .arg(format!("B {mailbox}"));
        }
        self.calls.ask_all(&mut pipeline).await.map(|_| ())
    }
}
