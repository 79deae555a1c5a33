//! Retiring what has expired, each mailbox by one node at a time.
//!
//! An index holds mailboxes by the moment at which their first message expires. It is another slot
//! than a mailbox: a publisher writes the message first, then the index; whoever retires writes the
//! index, then looks at the mailbox again. However the two interleave, a mailbox with live messages
//! stays in the index.

use std::time::Duration;

use redis::cmd;
use tokio::time::Instant;

use super::link::unavailable;
use super::{Shared, names, read, script};
use crate::clock::Millis;
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

/// A mailbox's next expiry, or an empty text; then id and number of keys of each message that
/// nobody acknowledged.
type Retired = (String, Vec<(String, u32)>);

impl Shared {
    /// Retires what has expired by `now`, for as long as there is something and the call may take.
    /// What was found before an error is told; the rest is found again.
    pub(super) async fn expire(&self, now: Millis, limit: usize) -> Result<Vec<Expired>> {
        let start = Instant::now();
        let mut expired = Vec::new();
        loop {
            match self.expire_some(now, &mut expired).await {
                Ok(mailboxes) => {
                    if mailboxes < MAILBOXES || expired.len() >= limit || start.elapsed() > ROUND {
                        return Ok(expired);
                    }
                }
                Err(error) if expired.is_empty() => return Err(error),
                Err(_) => return Ok(expired),
            }
        }
    }

    /// Retires what has expired in some mailboxes: three trips, however many they are. Returns how
    /// many there were.
    ///
    /// What nobody acknowledged is kept in a list of the mailbox until this node has read it: an
    /// answer that is lost is given once more, to whoever takes the mailbox next.
    async fn expire_some(&self, now: Millis, expired: &mut Vec<Expired>) -> Result<usize> {
        let mut claim = script::CLAIM.on(&[names::EXPIRIES]);
        claim.arg(now.0).arg(MAILBOXES).arg(CLAIM);
        let claimed: Vec<String> = read(self.calls.ask(&claim).await?)?;
        let mailboxes: Vec<Mailbox> = claimed
            .iter()
            .map(|name| Mailbox::from(name.as_str()))
            .collect();
        let mut retire = redis::pipe();
        for mailbox in &mailboxes {
            let mut command = script::EXPIRE.on_mailbox(mailbox);
            command
                .arg(MESSAGES)
                .arg(u8::from(self.is_short()))
                .arg(now.0);
            retire.add_command(command);
        }
        let answers = self.calls.ask_all(&mut retire).await?;
        let (mut finished, mut failed) = (Vec::new(), None);
        for (mailbox, answer) in mailboxes.iter().zip(answers) {
            // A mailbox that could not be looked at stays claimed for a while, then is another's.
            match answer.map_err(|error| unavailable(&error)).and_then(read) {
                Ok(retired) => finished.push((mailbox, retired)),
                Err(error) => failed = Some(error),
            }
        }
        self.finish(&finished, now).await?;
        for (mailbox, (_, told)) in finished {
            expired.extend(told.into_iter().map(|(id, delivered_keys)| Expired {
                mailbox: mailbox.clone(),
                id,
                delivered_keys,
            }));
        }
        failed.map_or(Ok(mailboxes.len()), Err)
    }

    /// Ends the claims of mailboxes, and forgets what they have told.
    async fn finish(&self, finished: &[(&Mailbox, Retired)], now: Millis) -> Result<()> {
        let mut finish = redis::pipe();
        for (mailbox, (next, told)) in finished {
            let mut command = script::FINISH.on(&[names::EXPIRIES]);
            command.arg(mailbox.as_str()).arg(now.0 + CLAIM).arg(next);
            finish.add_command(command);
            let prefix = names::mailbox(mailbox);
            // Two entries each: id and number of keys.
            finish
                .cmd("LTRIM")
                .arg(format!("{prefix}told"))
                .arg(2 * told.len())
                .arg(-1);
            // A message may have come while the claim stood for the mailbox.
            finish
                .cmd("ZRANGE")
                .arg(format!("{prefix}exp"))
                .arg(0)
                .arg(0)
                .arg("WITHSCORES");
        }
        let answers = self.calls.ask_all(&mut finish).await?;
        let mut index = redis::pipe();
        for ((mailbox, _), answers) in finished.iter().zip(answers.chunks(3)) {
            let first = answers[2].clone().map_err(|error| unavailable(&error))?;
            let first: Vec<(String, f64)> = read(first)?;
            if let Some((_, moment)) = first.first() {
                index.add_command(indexing(mailbox, *moment as i64));
            }
        }
        self.calls.ask_all(&mut index).await?;
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
