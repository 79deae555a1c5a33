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

use super::{Shared, lock, message_format, read, script};
use crate::clock::Millis;
use crate::message::{Mailbox, Message};
use crate::store::{Part, Result, Swept, Wanted};

/// Messages in one call: Redis does nothing else meanwhile.
const PAGE: usize = 256;
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

/// What a page has: the last sequence number, lines stored since, and where they go on; lines that
/// fall due, and where those go on.
type Page = (
    u64,
    Vec<Vec<u8>>,
    u64,
    Vec<Vec<u8>>,
    Option<(String, usize)>,
);

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

    async fn read_all(
        &self,
        mailbox: &Mailbox,
        seq: Option<u64>,
        after: Millis,
        until: Millis,
    ) -> Result<Swept> {
        let (mut swept, part) = (Swept::default(), self.part_of(mailbox));
        let layout = self.primaries.layout;
        // Where either reading goes on; none where it has ended.
        let (mut stored_from, mut due_from) = (seq, Some((format!("({}", after.0), 0)));
        let decode = |lines: Vec<Vec<u8>>| -> Vec<Arc<Message>> {
            let lines = lines.iter();
            lines
                .filter_map(|line| message_format::decode(mailbox, line))
                .collect()
        };
        loop {
            let mut command = script::SWEEP.on_mailbox(layout, mailbox);
            command.arg(stored_from.map(|seq| seq.to_string()).unwrap_or_default());
            match &due_from {
                Some((from, offset)) => command.arg(from).arg(until.0).arg(offset),
                None => command.arg("+inf").arg("-inf").arg(0),
            };
            let page = self.primaries.ask(part, command.arg(PAGE)).await?;
            let (last, stored, more_stored, due, more_due): Page = read(page)?;
            swept.stored.extend(decode(stored));
            swept.due.extend(decode(due));
            if swept.seq == 0 {
                // That of the first page: what comes later is the next reading's.
                swept.seq = last.max(seq.unwrap_or(0));
            }
            stored_from = (more_stored > 0).then_some(more_stored);
            due_from = more_due;
            if stored_from.is_none() && due_from.is_none() {
                return Ok(swept);
            }
        }
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
