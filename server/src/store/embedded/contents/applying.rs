//! Carrying out changes: those of a call, and those that a journal tells of at the start.

use std::sync::Arc;

use super::{Contents, MailboxState, Moment, forgotten_at};
use crate::clock::Millis;
use crate::message::{Mailbox, Message, Position};
use crate::store::embedded::change::Change;
use crate::store::embedded::reader::Reader;

impl Contents {
    pub(super) fn change(&mut self, change: Change) {
        let changed = self.apply(&change);
        if changed && let Some(untold) = &mut self.untold {
            untold.push(change);
        }
    }

    /// Carries out a change. Returns whether it has changed anything.
    pub(in crate::store::embedded) fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::Stored(message) => return self.store(message),
            Change::Ended {
                mailbox,
                at,
                when,
                cancelled,
            } => return self.end(mailbox, *at, *when, *cancelled),
            Change::Receipt {
                mailbox,
                at,
                receipt,
            } => {
                let state = self.mailboxes.get_mut(mailbox);
                let grown = state.and_then(|state| state.record(*at, receipt));
                self.live_bytes = self.live_bytes.saturating_add_signed(grown.unwrap_or(0));
                return grown.is_some();
            }
            Change::Noted { mailbox, at, note } => {
                return self.annotate(mailbox, *at, |state| state.note(*at, note));
            }
            Change::Kept {
                mailbox,
                at,
                receipt,
            } => return self.annotate(mailbox, *at, |state| state.keep(*at, receipt)),
            Change::Key(key) => self.keys.insert((**key).clone()),
            Change::Revoked(id) => self.keys.remove(id),
            Change::Counts {
                mailbox,
                at,
                delivered,
                acknowledged,
            } => {
                if let Some(state) = self.mailboxes.get_mut(mailbox) {
                    state.set_counts(*at, *delivered, *acknowledged);
                }
            }
            Change::Reader {
                mailbox,
                key,
                settled,
                shown,
            } => {
                if let Some(state) = self.mailboxes.get_mut(mailbox) {
                    let reader = Reader::of(settled.clone(), shown.clone());
                    self.live_bytes += state.add_reader(key.clone(), reader);
                }
            }
            Change::Seq(seq) => self.seq = self.seq.max(*seq),
        }
        true
    }

    fn store(&mut self, message: &Arc<Message>) -> bool {
        self.seq = self.seq.max(message.seq);
        let state = self.mailboxes.get(&message.mailbox);
        if let Some((at, known)) = state.and_then(|state| state.find(&message.id)) {
            // An id may be used again once its message is forgotten, which no change says.
            let is_live = known.ended_at() == Millis(i64::MAX);
            if is_live || at.seq >= message.seq {
                return false;
            }
            let forgotten_at = forgotten_at(known.ended_at());
            self.forget(&(forgotten_at, at, Arc::new(message.mailbox.clone())));
        }
        let state = self.mailboxes.entry(message.mailbox.clone());
        let state = state.or_insert_with_key(|name| MailboxState::new(name.clone()));
        let grown = state.insert(message);
        self.live_bytes = self.live_bytes.saturating_add_signed(grown);
        let moment = (message.expires_at, message.position(), state.name());
        self.expiries.insert(moment)
    }

    fn end(&mut self, mailbox: &Mailbox, at: Position, when: Millis, cancelled: bool) -> bool {
        let Some(state) = self.mailboxes.get_mut(mailbox) else {
            return false;
        };
        let Some(entry) = state.end(at, when, cancelled) else {
            return false;
        };
        let (size, expires_at) = (entry.size(), entry.expires_at);
        self.live_bytes -= size + state.prune();
        self.ended_bytes += size;
        self.expiries.remove(&(expires_at, at, state.name()));
        let moment = (forgotten_at(when), at, state.name());
        self.retired.insert(moment);
        true
    }

    /// Adds something to what is known of a message, live or ended. Returns whether it took bytes.
    fn annotate(
        &mut self,
        mailbox: &Mailbox,
        at: Position,
        add: impl FnOnce(&mut MailboxState) -> u64,
    ) -> bool {
        let Some(state) = self.mailboxes.get_mut(mailbox) else {
            return false;
        };
        let (live, size) = (state.live(at).is_some(), add(state));
        let bytes = match live {
            true => &mut self.live_bytes,
            false => &mut self.ended_bytes,
        };
        *bytes += size;
        size > 0
    }

    /// Forgets a message that has ended.
    pub(super) fn forget(&mut self, moment: &Moment) {
        self.retired.remove(moment);
        let (_, at, mailbox) = moment;
        if let Some(state) = self.mailboxes.get_mut(&**mailbox) {
            self.ended_bytes -= state.forget(*at).unwrap_or(0);
            if state.is_empty() {
                self.mailboxes.remove(&**mailbox);
            }
        }
    }
}
