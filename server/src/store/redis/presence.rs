//! Who is where: a hash a node, mailbox to sockets, that vanishes with the node. A node that has
//! died, hangs or is cut off is counted no longer than its lease; one that comes back says
//! everything again.

use redis::{Pipeline, cmd};

use super::{Shared, pulse, read};
use crate::clock::Millis;
use crate::message::Mailbox;
use crate::store::{Part, Result};

/// Mailboxes in one call.
const CHUNK: usize = 1000;
/// A field that is there as long as the rest is: without it the hash has vanished and was begun
/// anew.
const WHOLE: &str = "";
/// For how long nodes that have gone are remembered, in milliseconds.
const GONE: i64 = 3_600_000;

impl Shared {
    pub(super) async fn set_presence(&self, node: &str, changes: &[(Mailbox, u32)]) -> Result<()> {
        // Another process with this node's name, its successor for instance, is another node here.
        let node = format!("{node}.{}", self.instance);
        {
            let mut presence = self.presence();
            let own = presence.entry(node.clone()).or_default();
            for (mailbox, sockets) in changes {
                match sockets {
                    0 => own.remove(mailbox),
                    _ => own.insert(mailbox.clone(), *sockets),
                };
            }
        }
        let name = self.primaries.layout.node(&node);
        let mut pipeline = redis::pipe();
        for chunk in changes.chunks(CHUNK) {
            let (gone, here): (Vec<_>, Vec<_>) =
                chunk.iter().partition(|(_, sockets)| *sockets == 0);
            if !gone.is_empty() {
                let gone: Vec<&str> = gone.iter().map(|(mailbox, _)| mailbox.as_str()).collect();
                pipeline.cmd("HDEL").arg(&name).arg(gone);
            }
            set(
                &mut pipeline,
                &name,
                here.into_iter()
                    .map(|(mailbox, sockets)| (mailbox, *sockets)),
            );
        }
        lease(&mut pipeline, &name);
        self.say(&mut pipeline, &node).await
    }

    /// Says something of a node; where Redis takes only a part, as a full one does, everything is
    /// said again with the next pulse.
    async fn say(&self, pipeline: &mut Pipeline, node: &str) -> Result<()> {
        let answers = self.primaries.ask_all(Part::FIRST, pipeline).await?;
        if let Some(Err(error)) = answers.into_iter().find(std::result::Result::is_err) {
            let mut begin_anew = cmd("HDEL");
            begin_anew.arg(self.primaries.layout.node(node)).arg(WHOLE);
            self.primaries.ask(Part::FIRST, &begin_anew).await?;
            return Err(super::link::unavailable(&error));
        }
        Ok(())
    }

    /// Renews the lease on what this process's nodes have said of their sockets, or says it again.
    pub(super) async fn renew_presence(&self, now: Millis) -> Result<()> {
        let nodes: Vec<String> = self.presence().keys().cloned().collect();
        let all = self.primaries.layout.nodes();
        for node in nodes {
            let name = self.primaries.layout.node(&node);
            let mut is_whole = cmd("HEXISTS");
            is_whole.arg(&name).arg(WHOLE);
            let whole: bool = read(self.primaries.ask(Part::FIRST, &is_whole).await?)?;
            let mut pipeline = redis::pipe();
            pipeline.cmd("ZADD").arg(&*all).arg(now.0).arg(&node);
            pipeline
                .cmd("ZREMRANGEBYSCORE")
                .arg(&*all)
                .arg("-inf")
                .arg(now.0 - GONE);
            if !whole {
                self.tell_everything(&mut pipeline, &node);
            }
            lease(&mut pipeline, &name);
            self.say(&mut pipeline, &node).await?;
        }
        Ok(())
    }

    fn tell_everything(&self, pipeline: &mut Pipeline, node: &str) {
        let name = self.primaries.layout.node(node);
        let presence = self.presence();
        let own: Vec<_> = presence.get(node).into_iter().flatten().collect();
        pipeline.cmd("HSET").arg(&name).arg(WHOLE).arg(0);
        for chunk in own.chunks(CHUNK) {
            set(
                pipeline,
                &name,
                chunk.iter().map(|(mailbox, sockets)| (*mailbox, **sockets)),
            );
        }
    }

    /// Sockets on each mailbox, by node.
    pub(super) async fn places(&self, mailboxes: &[Mailbox]) -> Result<Vec<Vec<(String, u32)>>> {
        let mut places = vec![Vec::new(); mailboxes.len()];
        if mailboxes.is_empty() {
            return Ok(places);
        }
        let layout = self.primaries.layout;
        let mut all = cmd("ZRANGE");
        all.arg(&*layout.nodes()).arg(0).arg(-1);
        let nodes: Vec<String> = read(self.primaries.ask(Part::FIRST, &all).await?)?;
        let mailboxes: Vec<&str> = mailboxes.iter().map(Mailbox::as_str).collect();
        let mut pipeline = redis::pipe();
        for node in &nodes {
            let hash = layout.node(node);
            pipeline.cmd("HMGET").arg(hash).arg(&mailboxes);
        }
        let answers = self.primaries.ask_all(Part::FIRST, &mut pipeline).await?;
        for (node, answer) in nodes.iter().zip(answers) {
            let answer = answer.map_err(|error| super::link::unavailable(&error))?;
            // Without what tells processes of one name apart.
            let node = node.rsplit_once('.').map_or(&**node, |(name, _)| name);
            for (places, sockets) in places.iter_mut().zip(read::<Vec<Option<u32>>>(answer)?) {
                places.extend(sockets.map(|sockets| (node.to_owned(), sockets)));
            }
        }
        Ok(places)
    }
}

fn set<'a>(
    pipeline: &mut Pipeline,
    name: &str,
    sockets: impl ExactSizeIterator<Item = (&'a Mailbox, u32)>,
) {
    if sockets.len() > 0 {
        let command = pipeline.cmd("HSET").arg(name);
        sockets.for_each(|(mailbox, sockets)| {
            command.arg(mailbox.as_str()).arg(sockets);
        });
    }
}

fn lease(pipeline: &mut Pipeline, name: &str) {
    pipeline
        .cmd("PEXPIRE")
        .arg(name)
        .arg(pulse::LEASE.as_millis() as u64);
}
