//! Putting back what the store has lost: after a failover its last moments, after a restart without
//! persistence everything.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use redis::cmd;

use super::keys::{barring, putting};
use super::{Shared, lock, names, read, script};
use crate::keys::KeyKind;
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
        // What was looked up is newer than what sockets joined with.
        let all = held.keys.iter().cloned().chain(known);
        let mut keys: HashMap<_, _> = all.map(|key| (key.id.clone(), key)).collect();
        keys.retain(|id, _| !revoked.contains(id));
        let keys: Vec<_> = keys.into_values().collect();
        let (barred, keys): (Vec<_>, Vec<_>) =
            keys.iter().partition(|key| key.kind == KeyKind::Barred);
        let mut restored = 0;
        for chunk in keys.chunks(CHUNK) {
            let commands = chunk.iter().map(|key| putting(key, "restore"));
            let answers = self.writer.run(commands.collect::<Result<_>>()?).await?;
            for answer in answers {
                restored += read::<u64>(answer)?;
            }
        }
        for chunk in barred.chunks(CHUNK) {
            let commands = chunk.iter().map(|key| barring(key));
            self.writer.run(commands.collect::<Result<_>>()?).await?;
        }
        let again = revoked.iter().map(|id| script::revoking(id, "spare"));
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
