//! What announcements say.
//!
//! `M` tells of messages that one call has stored, `P` of one that a release before this one has;
//! `C` of a cancellation, `B` of a mailbox into which something was put back, `R` of a key that is
//! revoked, `N` of a ban. Behind a letter comes a space.

use std::sync::Arc;

use super::Shared;
use super::message_format::decode_sealed;
use super::seal::Seals;
use crate::clock::Millis;
use crate::message::{Mailbox, Position};
use crate::store::{Announcement, Wanted};

/// Passes on what is announced of mailboxes that this node has sockets on. What another release
/// announces in another way is passed over; the sweep finds what it told.
pub(super) fn heard(shared: &Arc<Shared>, wanted: &Wanted, payload: &[u8]) {
    match payload.strip_prefix(b"M ") {
        Some(all) => {
            let all = published(all).filter(|(mailbox, _)| wanted(mailbox));
            all.filter_map(|(mailbox, line)| proved(&shared.seals, mailbox, line))
                .for_each(|announcement| pass_on(shared, wanted, announcement));
        }
        None => {
            let announcement = parse(payload, wanted, &shared.seals);
            announcement
                .into_iter()
                .for_each(|one| pass_on(shared, wanted, one));
        }
    }
}

fn pass_on(shared: &Arc<Shared>, wanted: &Wanted, announcement: Announcement) {
    match &announcement {
        Announcement::Published(message) => shared.unread.heard(message, wanted),
        Announcement::PutBack(mailbox) => shared.clone().forget_settled(mailbox.clone()),
        Announcement::Revoked(key) => shared.known_keys().doubt(key),
        Announcement::Cancelled(mailbox, at) => {
            let part = shared.part_of(mailbox);
            shared.accepted(part).cancelled(mailbox, at.seq);
        }
        _ => {}
    }
    shared.announce(announcement);
}

/// Mailbox and line of messages that were published together: of each the line's length, the
/// mailbox and the line, with a space between them.
fn published(mut rest: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    std::iter::from_fn(move || {
        let mut word = || {
            let end = rest.iter().position(|byte| *byte == b' ')?;
            let word = std::str::from_utf8(&rest[..end]).ok()?;
            rest = &rest[end + 1..];
            Some(word)
        };
        let length = word()?.parse::<usize>().ok()?;
        let mailbox = word()?;
        let (line, after) = rest.split_at_checked(length)?;
        rest = after.get(1..).unwrap_or_default();
        Some((mailbox, line))
    })
}

/// The announcement of a message, if it carries a seal of the backend keys.
fn proved(seals: &Seals, mailbox: &str, line: &[u8]) -> Option<Announcement> {
    let mailbox = Mailbox::from(mailbox);
    let (message, seal) = decode_sealed(&mailbox, line)?;
    match seal.is_some_and(|seal| seals.fits(&message, &seal)) {
        true => Some(Announcement::Published(message)),
        false => Some(Announcement::Unproved(Some(mailbox))),
    }
}

fn parse(payload: &[u8], wanted: &Wanted, seals: &Seals) -> Option<Announcement> {
    let (kind, rest) = (payload.first()?, payload.get(2..)?);
    let end = rest
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(rest.len());
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    match kind {
        // Of a release before this one.
        b'P' if wanted(name) => proved(seals, name, rest.get(end + 1..)?),
        b'C' => {
            let rest = std::str::from_utf8(rest.get(end + 1..)?).ok()?;
            let mut parts = rest.split(' ');
            let id = parts.next()?;
            let at = Position {
                deliver_at: Millis(parts.next()?.parse().ok()?),
                seq: parts.next()?.parse().ok()?,
            };
            let seal = parts.next().unwrap_or_default();
            match seals.fits_cancellation(name, id, at, seal) {
                true => Some(Announcement::Cancelled(Mailbox::from(name), at)),
                // Read anew, what is cancelled is gone, and what is not stays.
                false => wanted(name).then(|| Announcement::Unproved(Some(Mailbox::from(name)))),
            }
        }
        b'B' if wanted(name) => Some(Announcement::PutBack(Mailbox::from(name))),
        b'N' => {
            let ban = seals.read_ban(std::str::from_utf8(rest).ok()?);
            Some(ban.map_or(Announcement::Unproved(None), Announcement::Banned))
        }
        b'R' => Some(Announcement::Revoked(name.into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_were_published_together_are_told_apart() {
        let told = b"3 n/c A 1 10 n/d {\"a\":\n1 2} 0 n/e ";
        let all: Vec<_> = published(told).collect();
        let lines: [(&str, &[u8]); 3] = [("n/c", b"A 1"), ("n/d", b"{\"a\":\n1 2}"), ("n/e", b"")];
        assert_eq!(all.len(), 3, "{all:?}");
        for (one, (mailbox, line)) in all.into_iter().zip(lines) {
            assert_eq!(one, (mailbox, line));
        }
    }

    #[test]
    fn what_is_cut_off_or_no_number_ends_them() {
        for told in [
            "",
            "3",
            "3 n/c",
            "4 n/c A 1",
            "x n/c A 1",
            "-1 n/c A 1",
            "3  A",
        ] {
            assert_eq!(published(told.as_bytes()).count(), 0, "{told}");
        }
        assert_eq!(published(b"3 n/c A 1 9 n/c A 2").count(), 1);
    }
}
