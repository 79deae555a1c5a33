//! How often a message may come to one client: the rules of redelivery, seen from outside. No state
//! of its own.
//!
//! On one connection a message comes once, and again 15, 45, 105, 225 and 465 s after, until it is
//! acknowledged. On a later connection it comes again only if the acknowledgement cannot have
//! reached the store.

use crate::arrival::{Arrival, Session};
use crate::event::Ms;

/// When an unacknowledged message is repeated on a connection, in ms after it was first shown
/// there.
const REPEATS: [Ms; 5] = [15_000.0, 45_000.0, 105_000.0, 225_000.0, 465_000.0];
/// How much earlier than that it may seem, when the first was held up on its way, in ms.
const SLACK: Ms = 5_000.0;
/// How long after a client's acknowledgement its connection must have lived for the store to know
/// of it, in ms.
const RECORDED: Ms = 10_000.0;

/// Why this arrival is one too many, if it is.
pub(crate) fn fault(
    before: &[Arrival],
    now: Arrival,
    sessions: &[Session],
    outages: &[(Ms, Ms)],
) -> Option<String> {
    let mut here = before
        .iter()
        .filter(|earlier| earlier.session == now.session);
    if let Some(first) = here.next() {
        // Acknowledged or not: an upgrade loses packets of its old transport, acknowledgements too.
        return too_early(here.count(), now.at - first.at);
    }
    let settled = |earlier: &&Arrival| {
        let Some(acknowledged) = earlier.acknowledged else {
            return false;
        };
        let recorded = acknowledged + RECORDED;
        let until = sessions.get(earlier.session).and_then(|s| s.until);
        let outage = outages
            .iter()
            .any(|(from, until)| *from <= recorded && *until >= acknowledged);
        until.is_some_and(|until| until >= recorded) && !outage
    };
    let earlier = before.iter().find(settled)?;
    let ago = now.at - earlier.acknowledged.unwrap_or(now.at);
    Some(format!(
        "acknowledged {ago:.0} ms before, on a connection that lived on for {RECORDED} ms"
    ))
}

fn too_early(repeats: usize, after: Ms) -> Option<String> {
    match REPEATS.get(repeats) {
        Some(earliest) if after + SLACK >= *earliest => None,
        Some(earliest) => Some(format!(
            "on one connection {after:.0} ms after the first time, due after {earliest} ms"
        )),
        None => Some(format!(
            "more than {} times on one connection",
            REPEATS.len()
        )),
    }
}
