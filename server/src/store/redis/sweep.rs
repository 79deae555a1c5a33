//! Reading a mailbox on, page by page; and without asking, where there is nothing to read.
//!
//! A mailbox has something new if it was announced, and something that falls due if it was
//! announced lately or is listed for one of the minutes that lie ahead. Thousands of idle mailboxes
//! cost a few lists then.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::cmd;
use tokio::time::Instant;

use super::{Shared, lock, message_format, read};
use crate::clock::Millis;
use crate::message::{Mailbox, Message};
use crate::store::{Part, Result, Swept, Wanted};

/// Messages in one call: Redis does nothing else meanwhile.
const PAGE: usize = 256;
/// The same of members of the index.
const MEMBERS: usize = 1_000;
/// For how long a minute's list is believed. What is listed later was announced.
const BELIEVED: Duration = Duration::from_secs(20);
/// Mailboxes in one call that reads a list.
const LISTED: usize = 1_000;
/// A message that is due later than this after it was stored is listed by its minute.
pub(super) const LISTED_FROM: Duration = Duration::from_secs(45);
/// Mailboxes that were announced and not read on, before those are forgotten that nobody is on.
const ANNOUNCED: usize = 4_096;

/// Where more minutes lie between two moments, the mailbox is asked instead of their lists.
const MINUTES: i64 = 5;

/// Mailboxes that have to be read on.
#[derive(Default)]
pub(super) struct Unread {
    /// Mailboxes that something was announced of, and by when it is due unless it is listed.
    announced: Mutex<HashMap<Mailbox, Millis>>,
    /// Mailboxes of a part of which something falls due in a minute, by its number, and when that
    /// was read.
    minutes: Mutex<HashMap<(Part, i64), Listed>>,
}

/// When a list was read, and what is on it.
type Listed = (Instant, HashSet<String>);

impl Unread {
    /// Notes that a message was announced.
    pub(super) fn heard(&self, message: &Message, wanted: &Wanted) {
        let is_listed = message.deliver_at.since(message.created_at) > LISTED_FROM;
        let due = match is_listed {
            true => message.created_at,
            false => message.deliver_at,
        };
        let mut announced = lock(&self.announced);
        let mailbox = message.mailbox.clone();
        let known = announced.entry(mailbox).or_insert(Millis(i64::MIN));
        let is_new = known.0 == i64::MIN;
        *known = due.max(*known);
        if is_new && announced.len().is_multiple_of(ANNOUNCED) {
            announced.retain(|mailbox, _| wanted(mailbox.as_str()));
        }
    }

    /// Notes that a mailbox was read on.
    fn was_read(&self, mailbox: &Mailbox, due: Option<Millis>, until: Millis) {
        let mut announced = lock(&self.announced);
        if due.is_some_and(|due| due <= until) && announced.get(mailbox).copied() == due {
            announced.remove(mailbox);
        }
    }
}

/// Members of the index of live messages, each with its moment.
type Members = Vec<(String, f64)>;

impl Shared {
    pub(super) async fn read_on(
        &self,
        mailbox: &Mailbox,
        seq: Option<u64>,
        after: Millis,
        until: Millis,
    ) -> Result<Swept> {
        let announced = lock(&self.unread.announced).get(mailbox).copied();
        if let Some(seq) = seq
            && self
                .part(self.part_of(mailbox))
                .heard
                .load(Ordering::Relaxed)
            && announced.is_none()
            && !self.falls_due(mailbox, after, until).await?
        {
            return Ok(Swept {
                seq,
                ..Swept::default()
            });
        }
        let swept = self.read_all(mailbox, seq, after, until).await?;
        self.unread.was_read(mailbox, announced, until);
        Ok(swept)
    }

    /// What has expired and is not retired yet is among it: Redis's clock may have leapt, and nodes
    /// look at their own before they emit.
    async fn read_all(
        &self,
        mailbox: &Mailbox,
        seq: Option<u64>,
        after: Millis,
        until: Millis,
    ) -> Result<Swept> {
        let (part, prefix) = (
            self.part_of(mailbox),
            self.primaries.layout.mailbox(mailbox),
        );
        // Before the index: what has a number up to this one is in it by then, and is read now. What
        // comes in meanwhile is the next reading's.
        let mut last = cmd("HGET");
        last.arg(format!("{prefix}load")).arg("s");
        let last: Option<u64> = read(self.primaries.ask(part, &last).await?)?;
        // What was stored since may fall due at any moment.
        let members = match seq {
            Some(_) => self.members(part, &prefix, "-inf", "+inf").await?,
            None => {
                let (from, to) = (format!("({}", after.0), until.0.to_string());
                self.members(part, &prefix, &from, &to).await?
            }
        };
        let last = last.unwrap_or(0);
        let (due, stored) = chosen(&members, (seq, last), (after, until));
        Ok(Swept {
            due: self.messages(part, mailbox, &prefix, &due).await?,
            stored: self.messages(part, mailbox, &prefix, &stored).await?,
            seq: last.max(seq.unwrap_or(0)),
        })
    }

    /// Live messages between two moments, in order.
    async fn members(&self, part: Part, prefix: &str, from: &str, to: &str) -> Result<Members> {
        let (mut all, mut from, mut offset) = (Members::new(), from.to_owned(), 0);
        loop {
            let mut command = cmd("ZRANGEBYSCORE");
            command.arg(format!("{prefix}due")).arg(&from).arg(to);
            command.arg("WITHSCORES");
            command.arg("LIMIT").arg(offset).arg(MEMBERS);
            let page: Members = read(self.primaries.ask(part, &command).await?)?;
            let is_last = page.len() < MEMBERS;
            all.extend(page);
            let Some((_, moment)) = all.last().filter(|_| !is_last) else {
                return Ok(all);
            };
            // Many may share a moment.
            offset = all.iter().rev().take_while(|(_, at)| at == moment).count();
            from = format!("{moment}");
        }
    }

    async fn messages(
        &self,
        part: Part,
        mailbox: &Mailbox,
        prefix: &str,
        members: &[&str],
    ) -> Result<Vec<Arc<Message>>> {
        let mut all = Vec::with_capacity(members.len());
        for page in members.chunks(PAGE) {
            let mut command = cmd("MGET");
            let ids = page.iter().map(|member| member.get(16..).unwrap_or(""));
            ids.for_each(|id| {
                command.arg(format!("{prefix}m:{id}"));
            });
            let lines: Vec<Option<Vec<u8>>> = read(self.primaries.ask(part, &command).await?)?;
            let lines = lines.iter().flatten();
            all.extend(lines.filter_map(|line| message_format::decode(mailbox, line)));
        }
        Ok(all)
    }

    /// Whether something of the mailbox may fall due between these moments.
    async fn falls_due(&self, mailbox: &Mailbox, after: Millis, until: Millis) -> Result<bool> {
        let part = self.part_of(mailbox);
        let minutes = after.0.div_euclid(60_000)..=until.0.div_euclid(60_000);
        if minutes.end() - minutes.start() > MINUTES {
            return Ok(true);
        }
        for minute in minutes {
            let known = {
                let minutes = lock(&self.unread.minutes);
                let known = minutes.get(&(part, minute));
                let known = known.filter(|(at, _)| at.elapsed() < BELIEVED);
                known.map(|(_, listed)| listed.contains(mailbox.as_str()))
            };
            let listed = match known {
                Some(listed) => listed,
                None => self
                    .read_minute(part, minute)
                    .await?
                    .contains(mailbox.as_str()),
            };
            if listed {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read_minute(&self, part: Part, minute: i64) -> Result<HashSet<String>> {
        let (at, mut listed, mut cursor) = (Instant::now(), HashSet::new(), 0_u64);
        loop {
            let mut command = cmd("SSCAN");
            let soon = self.primaries.layout.soon(part);
            command.arg(format!("{soon}{minute}")).arg(cursor);
            command.arg("COUNT").arg(LISTED);
            let answer = self.primaries.ask(part, &command).await?;
            let (next, some): (u64, Vec<String>) = read(answer)?;
            listed.extend(some);
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let mut minutes = lock(&self.unread.minutes);
        minutes.retain(|_, (at, _)| at.elapsed() < BELIEVED);
        minutes.insert((part, minute), (at, listed.clone()));
        Ok(listed)
    }

    /// Has keys read a mailbox from its start: another release has put something back, which may
    /// lie before what they have settled.
    pub(super) fn forget_settled(self: Arc<Self>, mailbox: Mailbox) {
        tokio::spawn(async move {
            let mut forget = cmd("DEL");
            forget.arg(format!("{}w", self.primaries.layout.mailbox(&mailbox)));
            // A Redis that has gone meanwhile is read anew, too.
            let _ = self.primaries.ask(self.part_of(&mailbox), &forget).await;
        });
    }
}

/// The members of messages that fall due between two moments, and of those that were stored after
/// the first number, each in order. What is stored after `last` is left out.
fn chosen(
    members: &Members,
    (seq, last): (Option<u64>, u64),
    (after, until): (Millis, Millis),
) -> (Vec<&str>, Vec<&str>) {
    let (mut due, mut stored) = (Vec::new(), Vec::new());
    for (member, moment) in members {
        let number = member.get(..16).and_then(|seq| seq.parse::<u64>().ok());
        let Some(number) = number.filter(|number| *number <= last) else {
            continue;
        };
        if *moment > after.0 as f64 && *moment <= until.0 as f64 {
            due.push(&**member);
        }
        if seq.is_some_and(|seq| number > seq) {
            stored.push(&**member);
        }
    }
    stored.sort_unstable();
    (due, stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_while_a_mailbox_is_read_is_the_next_readings() {
        let member = |seq: u64, moment: f64| (format!("{seq:016}m{seq}"), moment);
        let members = vec![
            member(3, 5.0),
            member(2, 7.0),
            member(4, 8.0),
            member(1, 9.0),
        ];
        let (due, stored) = chosen(&members, (Some(1), 3), (Millis(6), Millis(8)));
        assert_eq!(due, ["0000000000000002m2"]);
        assert_eq!(stored, ["0000000000000002m2", "0000000000000003m3"]);
        let (due, stored) = chosen(&members, (None, 4), (Millis(6), Millis(8)));
        assert_eq!(due, ["0000000000000002m2", "0000000000000004m4"]);
        assert!(stored.is_empty());
    }
}
