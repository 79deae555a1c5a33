//! Who is where: a hash a node, mailbox to sockets, that vanishes with the node. A node that has died, hangs or is cut off
//! is counted no longer than its lease; one that comes back says everything again.

use redis::cmd;

use super::{Shared, names, pulse, read};
use crate::message::Mailbox;
use crate::store::Result;

/// Mailboxes in one call.
const CHUNK: usize = 1000;

impl Shared {
    pub(super) async fn set_presence(
        &self,
        node: &str,
        mailbox: &Mailbox,
        sockets: u32,
    ) -> Result<()> {
        let is_new = {
            let mut presence = self.presence();
            let is_new = !presence.contains_key(node);
            let own = presence.entry(node.to_owned()).or_default();
            match sockets {
                0 => own.remove(mailbox),
                _ => own.insert(mailbox.clone(), sockets),
            };
            is_new
        };
        if is_new {
            let now = self.now().await?;
            self.calls
                .ask(cmd("ZADD").arg(names::NODES).arg(now.0).arg(node))
                .await?;
            return self.tell_presence(node).await;
        }
        let name = names::node(node);
        let command = match sockets {
            0 => cmd("HDEL").arg(name).arg(mailbox.as_str()).to_owned(),
            _ => cmd("HSET")
                .arg(name)
                .arg(mailbox.as_str())
                .arg(sockets)
                .to_owned(),
        };
        self.calls.ask(&command).await?;
        Ok(())
    }

    /// Says everything of a node, from the beginning.
    pub(super) async fn tell_presence(&self, node: &str) -> Result<()> {
        let own: Vec<(String, u32)> = {
            let presence = self.presence();
            let own = presence.get(node).into_iter().flatten();
            own.map(|(mailbox, sockets)| (mailbox.to_string(), *sockets))
                .collect()
        };
        let name = names::node(node);
        let mut pipeline = redis::pipe();
        pipeline.cmd("DEL").arg(&name);
        // A field of its own, so that the hash exists, and with it the lease, while there are no sockets.
        pipeline.cmd("HSET").arg(&name).arg("").arg(0);
        for chunk in own.chunks(CHUNK) {
            let command = pipeline.cmd("HSET").arg(&name);
            for (mailbox, sockets) in chunk {
                command.arg(mailbox).arg(*sockets);
            }
        }
        pipeline
            .cmd("PEXPIRE")
            .arg(&name)
            .arg(pulse::LEASE.as_millis() as u64);
        self.calls.ask_all(&mut pipeline).await?;
        Ok(())
    }

    pub(super) async fn sockets_on(&self, mailbox: &Mailbox) -> Result<u64> {
        let nodes: Vec<String> = read(
            self.calls
                .ask(cmd("ZRANGE").arg(names::NODES).arg(0).arg(-1))
                .await?,
        )?;
        let mut pipeline = redis::pipe();
        for node in &nodes {
            pipeline
                .cmd("HGET")
                .arg(names::node(node))
                .arg(mailbox.as_str());
        }
        let mut sockets = 0;
        for answer in self.calls.ask_all(&mut pipeline).await? {
            let answer = answer.map_err(|error| super::link::unavailable(&error))?;
            sockets += read::<Option<u64>>(answer)?.unwrap_or(0);
        }
        Ok(sockets)
    }
}
