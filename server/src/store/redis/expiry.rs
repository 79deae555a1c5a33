//! Retiring what has expired, each message by one node at a time.
//!
//! One index holds every live message of a part of the store by its expiry. A node takes some for a few
//! seconds, retires them mailbox by mailbox, and takes them out of the index once it has read what
//! to tell of them: an answer that is lost is given once more, to whoever takes them next.

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

/// Messages in one round.
const AT_ONCE: usize = 500;
/// Mailboxes of an earlier release in one round, and messages of one in one call.
const ADOPTED: usize = 16;
const ADOPTED_MESSAGES: usize = 500;
/// How long the rounds of one call may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// From one look at a part of a cluster to the next, unless this node knows of something that has
/// expired: parts are many, and mostly idle.
const LOOK: Duration = Duration::from_secs(2);
/// For how long a node has messages to itself, in milliseconds.
const CLAIM: i64 = 5_000;

/// A message in the index: its name there, and what that says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Ending {
    mailbox: String,
    member: String,
    size: String,
    deliver_at: String,
}

impl Ending {
    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split(' ').map(str::to_owned);
        Some(Self {
            mailbox: parts.next()?,
            member: parts.next()?,
            size: parts.next()?,
            deliver_at: parts.next()?,
        })
    }
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
        loop {
            let round = async {
                if !self.is_something_due(part, now).await? {
                    return Ok(false);
                }
                self.expire_some(part, now, &mut expired).await?;
                Ok(true)
            };
            match round.await {
                Ok(true) if expired.len() < limit && start.elapsed() < PATIENCE => {}
                Ok(_) => return (expired, None),
                Err(error) => return (expired, Some(error)),
            }
        }
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

    /// Retires some messages: three trips, however many mailboxes they are of.
    async fn expire_some(&self, part: Part, now: Millis, expired: &mut Vec<Expired>) -> Result<()> {
        let primaries = &self.primaries;
        let ends = primaries.layout.ends(part);
        let is_short = primaries.of(part)?.memory.is_short();
        let mut claim = script::CLAIM.on(&[&ends]);
        claim.arg(now.0).arg(AT_ONCE).arg(CLAIM);
        let claimed: Vec<String> = read(primaries.ask(part, &claim).await?)?;
        let mut endings: Vec<_> = claimed.iter().filter_map(|n| Ending::parse(n)).collect();
        endings.sort();
        let of_mailboxes: Vec<&[Ending]> =
            endings.chunk_by(|a, b| a.mailbox == b.mailbox).collect();
        let mut retire = redis::pipe();
        for endings in &of_mailboxes {
            let mailbox = Mailbox::from(endings[0].mailbox.as_str());
            let mut command = script::EXPIRE.on_mailbox(primaries.layout, &mailbox);
            command.arg(u8::from(is_short));
            for ending in *endings {
                command.arg(&ending.member).arg(&ending.size);
                // Filed under the six hours of now: it has ended just before.
                command.arg(&ending.deliver_at).arg(now.0);
            }
            retire.add_command(command);
        }
        let answers = primaries.ask_all(part, &mut retire).await?;
        let (mut finished, mut failed) = (cmd("ZREM"), None);
        finished.arg(&*ends);
        let (mut some, mut told) = (false, Vec::new());
        for (endings, answer) in of_mailboxes.iter().zip(answers) {
            // A mailbox that could not be looked at stays claimed for a while, then is another's.
            match answer.map_err(|error| unavailable(&error)).and_then(read) {
                Ok(retired) => {
                    let retired: Vec<(String, u32)> = retired;
                    let mailbox = Mailbox::from(endings[0].mailbox.as_str());
                    told.extend(retired.into_iter().map(|(id, delivered_keys)| Expired {
                        mailbox: mailbox.clone(),
                        id,
                        delivered_keys,
                    }));
                    some = true;
                    for ending in *endings {
                        finished.arg(ending.name());
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        if some {
            primaries.ask(part, &finished).await?;
        }
        expired.extend(told);
        failed.map_or(Ok(()), Err)
    }
}

impl Ending {
    fn name(&self) -> String {
        let Self {
            mailbox,
            member,
            size,
            deliver_at,
        } = self;
        format!("{mailbox} {member} {size} {deliver_at}")
    }
}
