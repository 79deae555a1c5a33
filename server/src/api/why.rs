//! Why a message is where it is, in a code and in words: from what the store knows of it, of its
//! channel's keys and of their sockets, at the time of asking.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::Serialize;

use super::App;
use crate::clock::Millis;
use crate::keys::{KeyRecord, KeyUse};
use crate::message::{Happening, Mailbox, Message, Position, State, Status};
use crate::receipts::Outcome;
use crate::store::{self, Result, Store};

/// Keys of the channel that are looked at.
const KEYS: usize = 100;
/// Messages before this one that are looked at.
const EARLIER: usize = 100;
/// Bytes of an acknowledgement beside namespace and id; see the delivery's window.
const ACKNOWLEDGEMENT: usize = 32;

/// Why a message is where it is.
#[derive(Debug, Serialize)]
pub(super) struct Why {
    /// For programs.
    pub(super) code: &'static str,
    /// For people.
    pub(super) detail: String,
}

fn why(code: &'static str, detail: impl Into<String>) -> Why {
    Why {
        code,
        detail: detail.into(),
    }
}

/// Why a message is where it is at `now`, as far as the parts of the store tell that answer.
pub(super) async fn of(app: &App, status: &Status, now: Millis) -> Why {
    let found = find(app, status, now).await;
    found.unwrap_or_else(|error| {
        tracing::debug!(%error, "why a message is where it is cannot be told");
        let detail = "Part of the store does not answer. It may have keys of this channel; ask \
                      again later";
        why("unknown", detail)
    })
}

async fn find(app: &App, status: &Status, now: Millis) -> Result<Why> {
    let message = &status.message;
    match status.state(now) {
        State::Cancelled => Ok(why("cancelled", "It was withdrawn before it was due")),
        State::Scheduled => Ok(why(
            "not_due",
            format!("It is due at {}", message.deliver_at),
        )),
        State::Acknowledged => Ok(acknowledged(status)),
        _ if status.delivered_keys > 0 => Ok(unacknowledged(app, status, now)),
        _ => unemitted(app, status, now).await,
    }
}

fn acknowledged(status: &Status) -> Why {
    let outcomes = status.receipts.iter().filter_map(|r| r.acknowledged);
    let outcomes: Vec<Outcome> = outcomes.map(|(_, outcome)| outcome).collect();
    let (got, emitted) = (status.acknowledged_keys, status.delivered_keys);
    let is_shown = |outcome: &Outcome| matches!(outcome, Outcome::Received | Outcome::Shown);
    // Of further keys than the first the store does not keep what they said.
    if outcomes.len() == got as usize && !outcomes.iter().any(is_shown) {
        let said = outcomes.first().copied().unwrap_or(Outcome::Failed);
        let detail = format!(
            "The plugin has taken it and not shown it; it says: {}",
            said.name()
        );
        return why("not_shown", detail);
    }
    let detail = format!("{got} of the {emitted} keys that it was emitted to acknowledged it");
    why("delivered", detail)
}

/// It was emitted, and nobody has acknowledged it.
fn unacknowledged(app: &App, status: &Status, now: Millis) -> Why {
    let message = &status.message;
    let happened = |event| status.notes.iter().rfind(|note| note.event == event);
    let namespace = message.mailbox.namespace();
    if app.context.unacknowledged.iter().any(|n| n == namespace) {
        let detail = "It was emitted; messages of this namespace ask for no acknowledgement";
        return why("delivered", detail);
    }
    if let Some(note) = happened(Happening::AcknowledgedAfterExpiry) {
        let detail = format!(
            "Key {} acknowledged it at {}, after its expiry: the client was slow, frozen or \
             offline meanwhile",
            note.key, note.at
        );
        return why("acknowledged_after_expiry", detail);
    }
    if let Some(note) = happened(Happening::Poison) {
        let detail = format!(
            "Sessions of key {} end on this message; it is tried alone later. The client breaks \
             at its data",
            note.key
        );
        return why("poison", detail);
    }
    let first = status
        .receipts
        .iter()
        .find_map(|r| Some((r, r.emitted_at?)));
    let emitted = first.map_or_else(
        || "It was emitted".to_owned(),
        |(r, at)| format!("It was emitted to key {} by {} at {at}", r.key, r.node),
    );
    let retry_after = app.context.tuning.retry_after;
    let is_fresh = first.is_some_and(|(_, at)| at.plus(retry_after) > now);
    if is_fresh && message.expires_at > now {
        let detail = format!("{emitted}; its acknowledgement may still come");
        return why("awaiting_acknowledgement", detail);
    }
    let detail =
        format!("{emitted}, and never acknowledged. Does the plugin call ack(message.id)?");
    why("never_acknowledged", detail)
}

/// It is due or past its time, and was emitted to nobody.
async fn unemitted(app: &App, status: &Status, now: Millis) -> Result<Why> {
    let store = &*app.context.store;
    let mailbox = &status.message.mailbox;
    let sockets = store::presence(store, mailbox).await?;
    let Some(channel) = mailbox.channel_name() else {
        return Ok(match sockets {
            0 => why("not_connected", "Nobody is connected to this namespace"),
            _ => why("connected", "It is being emitted; ask again in a moment"),
        });
    };
    let keys = store.keys_of(channel, None, KEYS).await?;
    let keys = match candidates(keys, status, now) {
        Ok(keys) => keys,
        // Who has a token is known by no list.
        Err(_) if app.settings.token_keys.is_some() => Vec::new(),
        Err(why) => return Ok(why),
    };
    let ids: Vec<Arc<str>> = keys.iter().map(|key| key.id.clone()).collect();
    let uses = store.uses(&ids).await?;
    let uses: Vec<KeyUse> = uses.into_iter().flatten().collect();
    let is_over = status.message.expires_at <= now;
    let namespace = mailbox.namespace();
    // The store keeps the last use of each key: of a key in two namespaces, one of them.
    let meanwhile = uses.iter().find(|used| overlaps(used, status));
    let was_there = meanwhile.is_some_and(|used| used.namespace == namespace || sockets > 0);
    if is_over && let Some(used) = meanwhile.filter(|_| !was_there) {
        let other = &used.namespace;
        let detail = format!(
            "A plugin of this channel was connected to namespace {other}, and none to {namespace}"
        );
        return Ok(why("connected_elsewhere", detail));
    }
    if sockets == 0
        && !is_over
        && let Some(other) = elsewhere(app, mailbox, channel).await?
    {
        let detail = format!(
            "A plugin of this channel is connected to namespace {other}, and none to {namespace}"
        );
        return Ok(why("connected_elsewhere", detail));
    }
    let is_there = if is_over { was_there } else { sockets > 0 };
    if !is_there && keys.is_empty() {
        let detail = "No plugin is connected. The channel has no stored key for this message; a \
                      plugin with a signed token may come";
        return Ok(why("not_connected", detail));
    }
    if !is_there {
        return Ok(absent(&uses, status));
    }
    if let Some(why) = behind(app, status, &uses).await? {
        return Ok(why);
    }
    Ok(match is_over {
        true => why(
            "expired_before_emitted",
            "A plugin was connected, and the message expired before it could be emitted: its ttl \
             is short, or the connection had just ended",
        ),
        false => why(
            "connected",
            "A plugin is connected; the message is being emitted. Ask again in a moment",
        ),
    })
}

/// The keys that the message is for, or why there are none.
fn candidates(
    keys: Vec<KeyRecord>,
    status: &Status,
    now: Millis,
) -> std::result::Result<Vec<KeyRecord>, Why> {
    let message = &status.message;
    let namespace = message.mailbox.namespace();
    let valid = keys.into_iter().filter(|key| !key.has_expired(now));
    let keys: Vec<_> = valid.filter(|key| !key.watch).collect();
    if keys.is_empty() {
        let detail = "This channel has no key: no plugin can connect to it. Is its name right?";
        return Err(why("no_key", detail));
    }
    let opening: Vec<_> = keys
        .iter()
        .filter(|key| key.namespaces.iter().any(|opened| opened == namespace))
        .cloned()
        .collect();
    if opening.is_empty() {
        let mut opened: Vec<_> = keys.iter().flat_map(|key| &key.namespaces).collect();
        opened.sort_unstable();
        opened.dedup();
        let opened = opened.into_iter().cloned().collect::<Vec<_>>().join(", ");
        let detail = format!("No key of this channel opens {namespace}; they open: {opened}");
        return Err(why("no_key_in_namespace", detail));
    }
    let issued = opening.iter().map(|key| key.created_at).min();
    let gets =
        |key: &KeyRecord| key.gets(message.deliver_at) && key.created_at < message.expires_at;
    let keys: Vec<_> = opening.into_iter().filter(gets).collect();
    match keys.is_empty() {
        false => Ok(keys),
        true => {
            let issued = issued.unwrap_or(now);
            let detail = format!(
                "The channel's first key was issued at {issued}, after the message was due; a key \
                 gets what is due from its issue on, unless `since` says otherwise"
            );
            Err(why("key_issued_later", detail))
        }
    }
}

/// Whether a key was connected while the message was live.
fn overlaps(used: &KeyUse, status: &Status) -> bool {
    let message = &status.message;
    used.joined_at < message.expires_at && used.left_at.is_none_or(|at| at > message.deliver_at)
}

/// Another namespace in which the channel has sockets.
async fn elsewhere(app: &App, mailbox: &Mailbox, channel: &str) -> Result<Option<String>> {
    let others = app.settings.namespaces.iter();
    let others: Vec<&String> = others.filter(|name| *name != mailbox.namespace()).collect();
    let mailboxes = others.iter().map(|name| Mailbox::channel(name, channel));
    let places = app
        .context
        .store
        .places(&mailboxes.collect::<Vec<_>>())
        .await?;
    let mut found = others.into_iter().zip(places);
    Ok(found
        .find(|(_, places)| !places.is_empty())
        .map(|(name, _)| name.clone()))
}

/// Nobody was there.
fn absent(uses: &[KeyUse], status: &Status) -> Why {
    let last = uses
        .iter()
        .max_by_key(|used| used.left_at.unwrap_or(used.joined_at));
    let Some(last) = last else {
        let detail = "The channel has a key, and no plugin has ever connected with it";
        return why("never_connected", detail);
    };
    let expires_at = status.message.expires_at;
    let detail = match last.left_at {
        _ if last.joined_at >= expires_at => {
            let joined = last.joined_at;
            format!("No plugin was connected before it expired; one came at {joined}")
        }
        Some(left) => format!("No plugin is connected since {left}; it left {}", last.node),
        None => format!(
            "No plugin is connected; one joined {} at {}, and that node has gone",
            last.node, last.joined_at
        ),
    };
    why("not_connected", detail)
}

/// Earlier messages that fill the window, if they do: those to the channel and those to everyone.
async fn behind(app: &App, status: &Status, uses: &[KeyUse]) -> Result<Option<Why>> {
    let message = &status.message;
    let store = &app.context.store;
    let at = message.position();
    let mut earlier = store.list(&message.mailbox, Some(at), EARLIER).await?;
    let everyone = Mailbox::everyone(message.mailbox.namespace());
    if message.mailbox != everyone {
        // Sequence numbers are a mailbox's own.
        let at = Position { seq: 0, ..at };
        earlier.extend(store.list(&everyone, Some(at), EARLIER).await?);
        earlier.sort_unstable_by_key(|earlier| Reverse(earlier.message.deliver_at));
    }
    let in_flight = |earlier: &&Status| {
        earlier.delivered_keys > earlier.acknowledged_keys
            && earlier.message.expires_at > message.deliver_at
    };
    let blocking: Vec<_> = earlier.iter().filter(in_flight).collect();
    // A session that has upgraded is still known by the transport of its join: the smaller window.
    let tuning = &app.context.tuning;
    let is_websocket = |used: &KeyUse| used.client.transport == "websocket";
    let is_full = match uses.iter().all(is_websocket) {
        true => blocking.len() >= tuning.window,
        // On polling all acknowledgements must fit in one body, too.
        false => {
            let cost = |m: &Message| m.mailbox.namespace().len() + m.id.len() + ACKNOWLEDGEMENT;
            let in_flight = blocking.iter().map(|earlier| cost(&earlier.message));
            let bytes = in_flight.sum::<usize>() + cost(message);
            blocking.len() >= tuning.polling_window || bytes > app.context.max_payload
        }
    };
    // The latest come first.
    let oldest = blocking.last().filter(|_| is_full);
    Ok(oldest.map(|oldest| {
        let detail = format!(
            "The window is full: {} earlier messages are emitted and not acknowledged, {} the \
             longest. Does the plugin call ack(message.id)?",
            blocking.len(),
            oldest.message.id
        );
        why("window_full", detail)
    }))
}
