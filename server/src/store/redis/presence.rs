//! Who is where: in each part of the store a hash a node, mailbox to sockets, that vanishes with the
//! node. A node that has died, hangs or is cut off is counted no longer than its lease; one that
//! comes back says everything again, and so does one that a part did not answer.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use redis::{Pipeline, cmd};
use tokio::time::Instant;

use super::link::unavailable;
use super::{Shared, pulse, read};
use crate::clock::Millis;
use crate::message::Mailbox;
use crate::store::{Part, Result, places_by_part};

/// Mailboxes in one call.
const CHUNK: usize = 1000;
/// For how long nodes that have gone are remembered, in milliseconds.
const GONE: i64 = 3_600_000;
/// How often a node says anew that it is to be remembered.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What this process's nodes have on the mailboxes of a part.
#[derive(Default)]
pub(super) struct Presence(HashMap<String, OfNode>);

/// What a node has on the mailboxes of a part.
#[derive(Default)]
struct OfNode {
    /// By mailbox. None are left on those with 0, which the part may not know yet.
    sockets: HashMap<Mailbox, u32>,
    /// Whether the part knows all of it.
    is_told: bool,
    /// When the part was last asked to remember the node.
    remembered: Option<Instant>,
}

impl OfNode {
    fn is_now_told(&mut self) {
        self.is_told = true;
        self.sockets.retain(|_, sockets| *sockets > 0);
    }
}

impl Shared {
    /// Notes how many sockets a node has on these mailboxes, and tells their parts. What one does
    /// not take is told again with the next pulse that it answers.
    pub(super) async fn set_presence(&self, node: &str, changes: &[(Mailbox, u32)]) -> Result<()> {
        // Another process with this node's name, its successor for instance, is another node here.
        let node = format!("{node}.{}", self.instance);
        let parts = changes.iter().map(|(mailbox, _)| self.part_of(mailbox));
        let each = places_by_part(parts).into_iter();
        let each = each.map(async |(part, places)| {
            let own: Vec<_> = places.into_iter().map(|place| &changes[place]).collect();
            let mut presence = self.part(part).presence.lock().await;
            let of_node = presence.0.entry(node.clone()).or_default();
            if let Err(error) = self.tell_changes(part, &node, of_node, &own).await {
                tracing::debug!(%error, "who is here is told later");
            }
        });
        join_all(each).await;
        Ok(())
    }

    async fn tell_changes(
        &self,
        part: Part,
        node: &str,
        of_node: &mut OfNode,
        changes: &[&(Mailbox, u32)],
    ) -> Result<()> {
        let was_there = !of_node.sockets.is_empty();
        for (mailbox, sockets) in changes {
            of_node.sockets.insert(mailbox.clone(), *sockets);
        }
        if !std::mem::take(&mut of_node.is_told) || !was_there {
            return self.tell_everything(part, node, of_node).await;
        }
        let name = self.primaries.layout.node(part, node);
        let mut pipeline = redis::pipe();
        lease(&mut pipeline, &name);
        let changes = changes.iter();
        write(
            &mut pipeline,
            &name,
            changes.map(|change| (&change.0, change.1)),
        );
        if !self.say(part, &mut pipeline).await? {
            // The hash had vanished, and was begun anew.
            return self.tell_everything(part, node, of_node).await;
        }
        of_node.is_now_told();
        Ok(())
    }

    async fn tell_everything(&self, part: Part, node: &str, of_node: &mut OfNode) -> Result<()> {
        let now = self.now().await?;
        let name = self.primaries.layout.node(part, node);
        let mut pipeline = redis::pipe();
        self.remember(part, &mut pipeline, node, now);
        let all = of_node.sockets.iter();
        write(
            &mut pipeline,
            &name,
            all.map(|(mailbox, sockets)| (mailbox, *sockets)),
        );
        self.say(part, &mut pipeline).await?;
        of_node.is_now_told();
        of_node.remembered = Some(Instant::now());
        Ok(())
    }

    /// Renews the lease on what this process's nodes have said to a part, or says it again.
    pub(super) async fn renew_presence(&self, part: Part, now: Millis) -> Result<()> {
        let mut presence = self.part(part).presence.lock().await;
        for (node, of_node) in &mut presence.0 {
            if of_node.sockets.is_empty() && of_node.is_told {
                continue;
            }
            if of_node.is_told {
                let mut pipeline = redis::pipe();
                lease(&mut pipeline, &self.primaries.layout.node(part, node));
                let is_recent = |at: Instant| at.elapsed() < REMEMBERED;
                if !of_node.remembered.is_some_and(is_recent) {
                    self.remember(part, &mut pipeline, node, now);
                    of_node.remembered = Some(Instant::now());
                }
                if self.say(part, &mut pipeline).await? {
                    continue;
                }
            }
            of_node.is_told = false;
            self.tell_everything(part, node, of_node).await?;
        }
        Ok(())
    }

    /// Has readers look for the node in this part.
    fn remember(&self, part: Part, pipeline: &mut Pipeline, node: &str, now: Millis) {
        let all = self.primaries.layout.nodes(part);
        pipeline.cmd("ZADD").arg(&*all).arg(now.0).arg(node);
        let forget = pipeline.cmd("ZREMRANGEBYSCORE").arg(&*all);
        forget.arg("-inf").arg(now.0 - GONE);
    }

    /// Returns whether the first answer is 1: of a lease, that there was something to renew.
    async fn say(&self, part: Part, pipeline: &mut Pipeline) -> Result<bool> {
        let answers = self.primaries.ask_all(part, pipeline).await?;
        let answers = answers.into_iter().collect::<redis::RedisResult<Vec<_>>>();
        let answers = answers.map_err(|error| unavailable(&error))?;
        Ok(answers.first() == Some(&redis::Value::Int(1)))
    }

    /// Sockets on each mailbox, by node.
    pub(super) async fn places(&self, mailboxes: &[Mailbox]) -> Result<Vec<Vec<(String, u32)>>> {
        let mut all = vec![Vec::new(); mailboxes.len()];
        let of_parts = places_by_part(mailboxes.iter().map(|mailbox| self.part_of(mailbox)));
        let each = of_parts.into_iter().map(async |(part, places)| {
            let names = places.iter().map(|place| mailboxes[*place].as_str());
            let found = self.places_in(part, names.collect()).await?;
            Ok(places.into_iter().zip(found))
        });
        for (place, found) in try_join_all(each).await?.into_iter().flatten() {
            all[place] = found;
        }
        Ok(all)
    }

    async fn places_in(&self, part: Part, mailboxes: Vec<&str>) -> Result<Vec<Vec<(String, u32)>>> {
        let mut places = vec![Vec::new(); mailboxes.len()];
        let layout = self.primaries.layout;
        let mut all = cmd("ZRANGE");
        all.arg(&*layout.nodes(part)).arg(0).arg(-1);
        let nodes: Vec<String> = read(self.primaries.ask(part, &all).await?)?;
        let mut pipeline = redis::pipe();
        for node in &nodes {
            let hash = layout.node(part, node);
            pipeline.cmd("HMGET").arg(hash).arg(&mailboxes);
        }
        let answers = self.primaries.ask_all(part, &mut pipeline).await?;
        for (node, answer) in nodes.iter().zip(answers) {
            let answer = answer.map_err(|error| unavailable(&error))?;
            // Without what tells processes of one name apart.
            let node = node.rsplit_once('.').map_or(&**node, |(name, _)| name);
            for (places, sockets) in places.iter_mut().zip(read::<Vec<Option<u32>>>(answer)?) {
                places.extend(sockets.map(|sockets| (node.to_owned(), sockets)));
            }
        }
        Ok(places)
    }
}

/// Writes how many sockets are on some mailboxes, and takes out those that have none. A Redis that
/// is full keeps what it has.
fn write<'a>(
    pipeline: &mut Pipeline,
    name: &str,
    sockets: impl Iterator<Item = (&'a Mailbox, u32)>,
) {
    let (gone, here): (Vec<_>, Vec<_>) = sockets.partition(|(_, sockets)| *sockets == 0);
    for chunk in gone.chunks(CHUNK) {
        let gone: Vec<&str> = chunk.iter().map(|(mailbox, _)| mailbox.as_str()).collect();
        pipeline.cmd("HDEL").arg(name).arg(gone);
    }
    for chunk in here.chunks(CHUNK) {
        let command = pipeline.cmd("HSET").arg(name);
        chunk.iter().for_each(|(mailbox, sockets)| {
            command.arg(mailbox.as_str()).arg(*sockets);
        });
    }
    lease(pipeline, name);
}

fn lease(pipeline: &mut Pipeline, name: &str) {
    pipeline
        .cmd("PEXPIRE")
        .arg(name)
        .arg(pulse::LEASE.as_millis() as u64);
}
