//! Retiring what has expired, each message by one node at a time.
//!
//! One index holds every live message of a part of the store by its expiry. A script takes some out
//! of it, whichever mailboxes they are of. What has to be told of stays there for a few seconds, until this
//! node has read the answer: one that is lost is given once more, to whoever comes then.

use std::time::Duration;

use futures_util::future::join_all;
use redis::cmd;
use tokio::time::Instant;

use super::link::unavailable;
use super::names::Layout;
use super::{Shared, lock, names, read, script};
use crate::clock::Millis;
use crate::message::Mailbox;
use crate::store::{Expired, Part, Result, StoreError};

/// Messages in one call: Redis does nothing else meanwhile.
const AT_ONCE: usize = 100;
/// Mailboxes of an earlier release in one round, and messages of one in one call.
const ADOPTED: usize = 16;
const ADOPTED_MESSAGES: usize = 500;
/// How long the rounds of one call may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// From one look at a part of a cluster to the next, unless this node knows of something that has
/// expired: parts are many, and mostly idle.
const LOOK: Duration = Duration::from_secs(2);
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

/// What expires in a part next, as far as this node knows.
#[derive(Default)]
pub(super) struct Ends {
    first: Option<Millis>,
    asked: Option<Instant>,
}

impl Ends {
    /// Notes when a message expires that was stored.
    pub(super) fn add(&mut self, expires_at: Millis) {
        self.first = Some(self.first.map_or(expires_at, |first| first.min(expires_at)));
    }

    /// Whether something may have expired, of this node's or since it asked of others'.
    fn may_be_due(&self, now: Millis) -> bool {
        let is_old = self.asked.is_none_or(|asked| asked.elapsed() >= LOOK);
        is_old || self.first.is_some_and(|first| first <= now)
    }
}

impl Shared {
    /// Retires what has expired by `now`, for as long as there is something and the call may take.
    /// What was found before an error is told; the rest is found again.
    pub(super) async fn expire(&self, now: Millis, limit: usize) -> Result<Vec<Expired>> {
        let parts = self.primaries.layout.parts();
        let parts = parts.iter().filter(|part| self.may_be_due(*part, now));
        let each = parts.map(|part| self.expire_part(part, now, limit));
        let (mut all, mut failed, mut answered) = (Vec::new(), None, false);
        for (expired, error) in join_all(each).await {
            answered |= error.is_none() || !expired.is_empty();
            all.extend(expired);
            failed = failed.or(error);
        }
        match failed {
            Some(error) if !answered => Err(error),
            _ => Ok(all),
        }
    }

    /// On one primary nothing is saved by not asking.
    fn may_be_due(&self, part: Part, now: Millis) -> bool {
        let single = self.primaries.layout == Layout::Single;
        single || lock(&self.part(part).ends).may_be_due(now)
    }

    /// What was found, and what ended it before its time.
    async fn expire_part(
        &self,
        part: Part,
        now: Millis,
        limit: usize,
    ) -> (Vec<Expired>, Option<StoreError>) {
        let start = Instant::now();
        let mut expired = Vec::new();
        let mut more = match self.is_something_due(part, now).await {
            Ok(due) => due,
            Err(error) => return (expired, Some(error)),
        };
        while more && expired.len() < limit && start.elapsed() < PATIENCE {
            match self.expire_some(part, now, &mut expired).await {
                Ok(left) => more = left,
                Err(error) => return (expired, Some(error)),
            }
        }
        (expired, None)
    }

    /// Whether anything has expired; takes over what an earlier release has stored, if there is
    /// some.
    async fn is_something_due(&self, part: Part, now: Millis) -> Result<bool> {
        let layout = self.primaries.layout;
        let asked = Instant::now();
        let mut pipeline = redis::pipe();
        let first = pipeline.cmd("ZRANGE").arg(&*layout.ends(part));
        first.arg(0).arg(0).arg("WITHSCORES");
        if layout == Layout::Single {
            let adopted = pipeline.cmd("ZRANGE").arg(names::EXPIRIES);
            adopted.arg(0).arg(ADOPTED - 1);
        }
        let answers = self.primaries.ask_all(part, &mut pipeline).await?;
        let mut answers = answers.into_iter();
        let mut next = || match answers.next() {
            Some(answer) => read::<Vec<String>>(answer.map_err(|error| unavailable(&error))?),
            None => Ok(Vec::new()),
        };
        let (first, old) = (next()?, next()?);
        self.adopt(part, &old).await?;
        let first = first.get(1).and_then(|moment| moment.parse().ok());
        let first = first.map(|moment: f64| Millis(moment as i64));
        *lock(&self.part(part).ends) = Ends {
            first,
            asked: Some(asked),
        };
        Ok(first.is_some_and(|first| first <= now))
    }

    async fn adopt(&self, part: Part, mailboxes: &[String]) -> Result<()> {
        let layout = self.primaries.layout;
        let mut pipeline = redis::pipe();
        for name in mailboxes {
            let prefix = layout.mailbox(&Mailbox::from(name.as_str()));
            let (ends, soon) = (layout.ends(part), layout.soon(part));
            let mut adopt = script::ADOPT.on(&[&prefix, &ends, &soon, names::EXPIRIES]);
            adopt.arg(name).arg(ADOPTED_MESSAGES);
            pipeline.add_command(adopt);
        }
        self.primaries.ask_all(part, &mut pipeline).await.map(drop)
    }

    /// Retires some messages. Returns whether there may be more.
    async fn expire_some(
        &self,
        part: Part,
        now: Millis,
        expired: &mut Vec<Expired>,
    ) -> Result<bool> {
        let (primaries, layout) = (&self.primaries, self.primaries.layout);
        let is_short = primaries.of(part)?.memory.is_short();
        let (ends, soon) = (layout.ends(part), layout.soon(part));
        let (before, after) = layout.around_mailbox(part);
        let mut retire = script::RETIRE.on(&[&before, &ends, &soon]);
        retire.arg(now.0).arg(AT_ONCE).arg(TOLD);
        retire.arg(u8::from(is_short)).arg(&*before).arg(after);
        let (seen, told): (usize, Vec<(String, u32)>) = read(primaries.ask(part, &retire).await?)?;
        if !told.is_empty() {
            let mut finished = cmd("ZREM");
            finished.arg(&*ends);
            told.iter().for_each(|(name, _)| {
                finished.arg(name);
            });
            primaries.ask(part, &finished).await?;
        }
        expired.extend(told.iter().filter_map(|(name, keys)| named(name, *keys)));
        Ok(seen == AT_ONCE)
    }
}
