//! Retiring what has expired, each message by one node at a time.
//!
//! One index holds every live message of the store by its expiry. A node takes some for a few
//! seconds, retires them mailbox by mailbox, and takes them out of the index once it has read what
//! to tell of them: an answer that is lost is given once more, to whoever takes them next.

use std::time::Duration;

use redis::cmd;
use tokio::time::Instant;

use super::link::unavailable;
use super::{Shared, names, read, script};
use crate::clock::Millis;
use crate::message::Mailbox;
use crate::store::{Expired, Result};

/// Messages in one round.
const AT_ONCE: usize = 500;
/// Mailboxes of an earlier release in one round, and messages of one in one call.
const ADOPTED: usize = 16;
const ADOPTED_MESSAGES: usize = 500;
/// How long the rounds of one call may take.
const PATIENCE: Duration = Duration::from_millis(500);
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

impl Shared {
    /// Retires what has expired by `now`, for as long as there is something and the call may take.
    /// What was found before an error is told; the rest is found again.
    pub(super) async fn expire(&self, now: Millis, limit: usize) -> Result<Vec<Expired>> {
        let start = Instant::now();
        let mut expired = Vec::new();
        while self.is_something_due(now).await? {
            match self.expire_some(now, &mut expired).await {
                Ok(()) if expired.len() < limit && start.elapsed() < PATIENCE => {}
                Err(error) if expired.is_empty() => return Err(error),
                Ok(()) | Err(_) => break,
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

    /// Retires some messages: three trips, however many mailboxes they are of.
    async fn expire_some(&self, now: Millis, expired: &mut Vec<Expired>) -> Result<()> {
        let mut claim = script::CLAIM.on(&[names::ENDS]);
        claim.arg(now.0).arg(AT_ONCE).arg(CLAIM);
        let claimed: Vec<String> = read(self.calls.ask(&claim).await?)?;
        let mut endings: Vec<_> = claimed.iter().filter_map(|n| Ending::parse(n)).collect();
        endings.sort();
        let of_mailboxes: Vec<&[Ending]> =
            endings.chunk_by(|a, b| a.mailbox == b.mailbox).collect();
        let mut retire = redis::pipe();
        for endings in &of_mailboxes {
            let mailbox = Mailbox::from(endings[0].mailbox.as_str());
            let mut command = script::EXPIRE.on_mailbox(&mailbox);
            command.arg(u8::from(self.is_short()));
            for ending in *endings {
                command.arg(&ending.member).arg(&ending.size);
                // Filed under the six hours of now: it has ended just before.
                command.arg(&ending.deliver_at).arg(now.0);
            }
            retire.add_command(command);
        }
        let answers = self.calls.ask_all(&mut retire).await?;
        let (mut finished, mut failed) = (cmd("ZREM"), None);
        finished.arg(names::ENDS);
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
            self.calls.ask(&finished).await?;
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
