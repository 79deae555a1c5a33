//! Retiring what has expired, each message by one node at a time.
//!
//! One index holds every live message of the store by its expiry. A script takes some out of it,
//! whichever mailboxes they are of. What has to be told of stays there for a few seconds, until this
//! node has read the answer: one that is lost is given once more, to whoever comes then.

use std::time::Duration;

use redis::cmd;
use tokio::time::Instant;

use super::link::unavailable;
use super::{Shared, names, read, script};
use crate::clock::Millis;
use crate::message::Mailbox;
use crate::store::{Expired, Result};

/// Messages in one call: Redis does nothing else meanwhile.
const AT_ONCE: usize = 100;
/// Mailboxes of an earlier release in one round, and messages of one in one call.
const ADOPTED: usize = 16;
const ADOPTED_MESSAGES: usize = 500;
/// How long the rounds of one call may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long what is told stays in the index, in milliseconds.
const TOLD: i64 = 5_000;

/// The message that a name in the index is of.
fn named(name: &str, delivered_keys: u32) -> Option<Expired> {
    let mut parts = name.split(' ');
    let (mailbox, member) = (Mailbox::from(parts.next()?), parts.next()?);
    // Behind the sequence number.
    let id = member.get(16..)?.to_owned();
    Some(Expired {
        mailbox,
        id,
        delivered_keys,
    })
}

impl Shared {
    /// Retires what has expired by `now`, for as long as there is something and the call may take.
    /// What was found before an error is told; the rest is found again.
    pub(super) async fn expire(&self, now: Millis, limit: usize) -> Result<Vec<Expired>> {
        let start = Instant::now();
        let mut expired = Vec::new();
        let mut more = self.is_something_due(now).await?;
        while more && expired.len() < limit && start.elapsed() < PATIENCE {
            match self.expire_some(now, &mut expired).await {
                Ok(left) => more = left,
                Err(error) if expired.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(expired)
    }

    /// Whether anything has expired; takes over what an earlier release has stored, if there is
    /// some.
    async fn is_something_due(&self, now: Millis) -> Result<bool> {
        let mut pipeline = redis::pipe();
        let (some, old) = (pipeline.cmd("ZRANGEBYSCORE"), ("LIMIT", 0, 1));
        some.arg(names::ENDS).arg("-inf").arg(now.0).arg(old);
        let adopted = pipeline.cmd("ZRANGE").arg(names::EXPIRIES);
        adopted.arg(0).arg(ADOPTED - 1);
        let mut answers = self.calls.ask_all(&mut pipeline).await?.into_iter();
        let mut next = || match answers.next() {
            Some(answer) => read::<Vec<String>>(answer.map_err(|error| unavailable(&error))?),
            None => Ok(Vec::new()),
        };
        let (due, old) = (next()?, next()?);
        self.adopt(&old).await?;
        Ok(!due.is_empty())
    }

    async fn adopt(&self, mailboxes: &[String]) -> Result<()> {
        let mut pipeline = redis::pipe();
        for name in mailboxes {
            let prefix = names::mailbox(&Mailbox::from(name.as_str()));
            let keys = [&*prefix, names::ENDS, names::SOON, names::EXPIRIES];
            let mut adopt = script::ADOPT.on(&keys);
            adopt.arg(name).arg(ADOPTED_MESSAGES);
            pipeline.add_command(adopt);
        }
        self.calls.ask_all(&mut pipeline).await.map(drop)
    }

    /// Retires some messages. Returns whether there may be more.
    async fn expire_some(&self, now: Millis, expired: &mut Vec<Expired>) -> Result<bool> {
        let (before, after) = names::around_mailbox();
        let mut retire = script::RETIRE.on(&["", names::ENDS, names::SOON]);
        retire.arg(now.0).arg(AT_ONCE).arg(TOLD);
        retire.arg(u8::from(self.is_short())).arg(before).arg(after);
        let (seen, told): (usize, Vec<(String, u32)>) = read(self.calls.ask(&retire).await?)?;
        if !told.is_empty() {
            let mut finished = cmd("ZREM");
            finished.arg(names::ENDS);
            told.iter().for_each(|(name, _)| {
                finished.arg(name);
            });
            self.calls.ask(&finished).await?;
        }
        expired.extend(told.iter().filter_map(|(name, keys)| named(name, *keys)));
        Ok(seen == AT_ONCE)
    }
}
