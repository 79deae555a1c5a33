//! Putting back what the store has lost: after a failover its last moments, after a restart without
//! persistence everything. Each part by itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use redis::{Cmd, cmd};

use super::keys::{barring, putting};
use super::link::unavailable;
use super::names::Layout;
use super::{Shared, read, script};
use crate::clock::Millis;
use crate::keys::{KeyKind, KeyRecord};
use crate::message::{Mailbox, Message};
use crate::store::{Held, Part, RETENTION, Restored, Result};

/// Messages in one call.
const CHUNK: usize = 200;

impl Shared {
    pub(super) async fn restore(&self, held: &Held) -> Result<Restored> {
        let now = self.now().await?;
        let parts = self.primaries.layout.parts();
        let parts = parts.iter().filter(|part| held.parts.contains(*part));
        let each = parts.map(async |part| (part, self.restore_part(part, held, now).await));
        let (mut all, mut failed) = (Restored::default(), None);
        let mut some = false;
        for (part, restored) in join_all(each).await {
            match restored {
                Ok(restored) => {
                    some = true;
                    all.messages += restored.messages;
                    all.keys += restored.keys;
                    all.lost += restored.lost;
                }
                Err(error) => {
                    all.left = all.left.and(part.into());
                    failed = Some(error);
                }
            }
        }
        match failed {
            Some(error) if !some => Err(error),
            _ => Ok(all),
        }
    }

    async fn restore_part(&self, part: Part, held: &Held, now: Millis) -> Result<Restored> {
        let state = self.part(part);
        // A listener that was behind has not heard what was announced of it.
        let emptied = held.emptied || state.emptied.load(Ordering::Relaxed);
        let own = held.messages.iter();
        let own = own.filter(|message| self.part_of(&message.mailbox) == part);
        let mut messages: Vec<_> = own.cloned().collect();
        messages.extend(self.accepted(part).held(now));
        let mut seen = HashSet::new();
        messages.retain(|m| m.expires_at > now && seen.insert((m.mailbox.clone(), m.seq)));
        // The keys first: without its key a client that comes back is refused for good.
        let mut restored = Restored::default();
        if emptied {
            restored.keys = self.put_keys_back(part, &held.keys).await?;
        }
        for chunk in messages.chunks(CHUNK) {
            let missing = self.missing(part, chunk).await?;
            restored.messages += self.put_back(part, &missing).await?;
        }
        if emptied {
            restored.lost = self.accepted(part).take_lost(now);
            state.emptied.store(false, Ordering::Relaxed);
        }
        Ok(restored)
    }

    /// Puts back the keys of this node's sockets, and those that it has issued or looked up;
    /// revokes once more what was revoked lately, which an old snapshot has brought back.
    async fn put_keys_back(&self, part: Part, held: &[KeyRecord]) -> Result<u64> {
        let layout = self.primaries.layout;
        let (known, mut revoked) = {
            let known = self.known_keys();
            (known.live(), known.revoked())
        };
        revoked.retain(|id| layout.part_of_key(id) == part);
        // What was looked up is newer than what sockets joined with.
        let all = held.iter().cloned().chain(known);
        let all = all.filter(|key| layout.part_of_key(&key.id) == part);
        let mut keys: HashMap<_, _> = all.map(|key| (key.id.clone(), key)).collect();
        keys.retain(|id, _| !revoked.contains(id));
        let keys: Vec<_> = keys.into_values().collect();
        let (barred, keys): (Vec<_>, Vec<_>) =
            keys.iter().partition(|key| key.kind == KeyKind::Barred);
        let mut restored = 0;
        for chunk in keys.chunks(CHUNK) {
            let commands = chunk.iter().map(|key| putting(layout, key, "restore"));
            let commands = commands.collect::<Result<_>>()?;
            for answer in self.primaries.write(part, commands).await? {
                restored += read::<u64>(answer)?;
            }
        }
        for chunk in barred.chunks(CHUNK) {
            let commands = chunk.iter().map(|key| barring(layout, key));
            let commands = commands.collect::<Result<_>>()?;
            self.primaries.write(part, commands).await?;
        }
        let again = revoked.iter();
        let again = again.map(|id| script::revoking(layout, part, id, "spare"));
        self.primaries.write(part, again.collect()).await?;
        Ok(restored)
    }

    async fn missing(&self, part: Part, messages: &[Arc<Message>]) -> Result<Vec<Arc<Message>>> {
        let mut pipeline = redis::pipe();
        for message in messages {
            let prefix = self.primaries.layout.mailbox(&message.mailbox);
            let name = format!("{prefix}m:{}", message.id);
            pipeline.add_command(cmd("EXISTS").arg(name).to_owned());
        }
        let answers = self.primaries.ask_all(part, &mut pipeline).await?;
        let mut missing = Vec::new();
        for (message, answer) in messages.iter().zip(answers) {
            if read::<u64>(answer.map_err(|error| unavailable(&error))?)? == 0 {
                missing.push(message.clone());
            }
        }
        Ok(missing)
    }

    async fn put_back(&self, part: Part, messages: &[Arc<Message>]) -> Result<u64> {
        let layout = self.primaries.layout;
        let commands = messages.iter().map(|message| {
            let mut restore = script::RESTORE.on_mailbox(layout, &message.mailbox);
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
        let answers = self.primaries.write(part, commands.collect()).await?;
        let (mut restored, mut mailboxes) = (0, HashSet::new());
        for (message, answer) in messages.iter().zip(answers) {
            if read::<u64>(answer)? == 1 {
                restored += 1;
                mailboxes.insert(&message.mailbox);
            }
        }
        self.announce_put_back(part, &mailboxes).await?;
        Ok(restored)
    }

    /// Has every node read these mailboxes anew: what was put back lies before what they have read
    /// already.
    async fn announce_put_back(&self, part: Part, mailboxes: &HashSet<&Mailbox>) -> Result<()> {
        let layout = self.primaries.layout;
        let mut pipeline = redis::pipe();
        for mailbox in mailboxes {
            let channel = layout.announcements(mailbox);
            let told = format!("B {mailbox}");
            pipeline.add_command(announcing(layout, &channel, &told));
        }
        let answers = self.primaries.ask_all(part, &mut pipeline).await?;
        let refused = answers.into_iter().find_map(std::result::Result::err);
        refused.map_or(Ok(()), |error| Err(unavailable(&error)))
    }
}

/// The call that announces something.
pub(super) fn announcing(layout: Layout, channel: &str, told: &str) -> Cmd {
    let mut announce = cmd(match layout {
        Layout::Single => "PUBLISH",
        Layout::Cluster => "SPUBLISH",
    });
    announce.arg(channel).arg(told);
    announce
}
