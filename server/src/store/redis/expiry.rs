//! Retiring what has expired, each mailbox by one node at a time.
//!
//! An index holds mailboxes by the moment at which their first message expires. It is another slot than a mailbox: a
//! publisher writes the message first, then the index; whoever retires writes the index, then looks at the mailbox again.
//! However the two interleave, a mailbox with live messages stays in the index.

use std::time::Duration;

use redis::cmd;
use tokio::time::Instant;

use super::{Shared, names, read, script};
use crate::message::Mailbox;
use crate::store::{Expired, Result};

/// Mailboxes in one call.
const MAILBOXES: usize = 64;
/// Messages of a mailbox in one call: Redis does nothing else meanwhile.
const MESSAGES: usize = 500;
/// How long a round may take before the next one goes on.
const ROUND: Duration = Duration::from_millis(500);
/// For how long a node has a mailbox to itself, in milliseconds.
const CLAIM: i64 = 5_000;

impl Shared {
    /// Retires what has expired, for as long as there is something and the call may take.
    pub(super) async fn expire(&self, limit: usize) -> Result<Vec<Expired>> {
        let start = Instant::now();
        let mut expired = Vec::new();
        loop {
            let (mailboxes, some) = self.expire_some().await?;
            expired.extend(some);
            if mailboxes < MAILBOXES || expired.len() >= limit || start.elapsed() > ROUND {
                return Ok(expired);
            }
        }
    }

    /// How many mailboxes were looked at, and what nobody acknowledged.
    async fn expire_some(&self) -> Result<(usize, Vec<Expired>)> {
        let now = self.now().await?;
        let mut claim = script::CLAIM.on(&[names::EXPIRIES]);
        claim.arg(now.0).arg(MAILBOXES).arg(CLAIM);
        let claimed: Vec<String> = read(self.calls.ask(&claim).await?)?;
        let mailboxes: Vec<Mailbox> = claimed
            .iter()
            .map(|name| Mailbox::from(name.as_str()))
            .collect();
        let (mut expired, mut nexts) = (Vec::new(), Vec::new());
        for mailbox in &mailboxes {
            let (next, unacknowledged) = self.retire(mailbox).await?;
            expired.extend(unacknowledged);
            nexts.push(next);
        }
        let mut finish = redis::pipe();
        for (mailbox, next) in mailboxes.iter().zip(&nexts) {
            let mut command = script::FINISH.on(&[names::EXPIRIES]);
            command.arg(mailbox.as_str()).arg(now.0 + CLAIM).arg(next);
            finish.add_command(command);
        }
        self.calls.ask_all(&mut finish).await?;
        for mailbox in &mailboxes {
            self.index(mailbox).await?;
        }
        Ok((mailboxes.len(), expired))
    }

    /// Retires a mailbox's expired messages: the next expiry, if there is one, and what nobody acknowledged.
    async fn retire(&self, mailbox: &Mailbox) -> Result<(String, Vec<Expired>)> {
        let mut command = script::EXPIRE.on_mailbox(mailbox);
        command.arg(MESSAGES).arg(u8::from(self.is_short()));
        let (next, unacknowledged): (String, Vec<(String, u32)>) =
            read(self.calls.ask(&command).await?)?;
        let expired = unacknowledged
            .into_iter()
            .map(|(id, delivered_keys)| Expired {
                mailbox: mailbox.clone(),
                id,
                delivered_keys,
            });
        Ok((next, expired.collect()))
    }

    /// Puts a mailbox into the index, if it has live messages.
    async fn index(&self, mailbox: &Mailbox) -> Result<()> {
        let mut first = cmd("ZRANGE");
        first
            .arg(names::mailbox(mailbox) + "exp")
            .arg(0)
            .arg(0)
            .arg("WITHSCORES");
        let first: Vec<(String, f64)> = read(self.calls.ask(&first).await?)?;
        if let Some((_, moment)) = first.first() {
            self.calls.ask(&indexing(mailbox, *moment as i64)).await?;
        }
        Ok(())
    }
}

/// Says that a mailbox has a message that expires then.
pub(super) fn indexing(mailbox: &Mailbox, expires_at: i64) -> redis::Cmd {
    let mut command = cmd("ZADD");
    command
        .arg(names::EXPIRIES)
        .arg("LT")
        .arg(expires_at)
        .arg(mailbox.as_str());
    command
}
