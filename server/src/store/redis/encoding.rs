//! How calls are written for the scripts, and their answers read.

use std::sync::Arc;

use redis::{Cmd, Value};

use super::names::Layout;
use super::seal::Seals;
use super::{message_format, read, script};
use crate::clock::Millis;
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::receipts::{KeyReceipt, Outcome};
use crate::store::{
    Draft, MAX_CHANNEL_BYTES, MAX_CHANNEL_MESSAGES, MAX_EVERYONE_MESSAGES, MAX_NOTES, Published,
    RETENTION, Receipt, Result, StoreError,
};

/// Keys that were shown a message, that acknowledged it, and whether it was cancelled.
pub(super) type Counts = (Option<u32>, Option<u32>, Option<u32>);

/// The call that stores a message; `full` lets only repeated requests pass.
pub(super) fn publishing(layout: Layout, draft: &Draft, full: bool, seals: &Seals) -> Cmd {
    let mailbox = &draft.mailbox;
    let most = match mailbox.channel_name() {
        // What came before is still answered as what it is.
        _ if full => 0,
        Some(_) => MAX_CHANNEL_MESSAGES,
        None => MAX_EVERYONE_MESSAGES,
    };
    let mut command = script::PUBLISH.on_mailbox(layout, mailbox);
    command
        .arg(&draft.id)
        .arg(message_format::hex(&draft.digest))
        .arg(draft.deliver_at.0)
        .arg(draft.expires_at.0)
        .arg(draft.data.get().len())
        .arg(message_format::body(
            &draft.id,
            &draft.event,
            draft.created_at,
            seals.of_draft(draft),
            &draft.data,
        ))
        .arg(most)
        .arg(MAX_CHANNEL_BYTES)
        .arg(RETENTION)
        .arg(layout.announcements(mailbox))
        .arg(mailbox.as_str())
        .arg(draft.created_at.0);
    command
}

/// What became of it.
pub(super) fn published(mailbox: &Mailbox, answer: Value, full: bool) -> Result<Published> {
    let mut parts = read::<Vec<Value>>(answer)?.into_iter();
    let mut next = || parts.next().unwrap_or(Value::Nil);
    let decode = |line: Vec<u8>| {
        message_format::decode(mailbox, &line)
            .ok_or_else(|| StoreError::Unavailable("a message came back in an unknown form".into()))
    };
    Ok(match read::<String>(next())?.as_str() {
        "stored" => Published::Stored(status(decode(read(next())?)?, Counts::default())),
        "repeated" => Published::Repeated(status(decode(read(next())?)?, read(next())?)),
        "expired" => Published::Expired,
        "full" if full => Published::Full("the memory of the store"),
        "full" if read::<String>(next())? == "size" => {
            Published::Full("the size of live messages in this mailbox")
        }
        "full" => Published::Full("the number of live messages in this mailbox"),
        _ => Published::Conflict,
    })
}

/// The call that notes receipts of one mailbox, which are in the order of its messages.
pub(super) fn recording(layout: Layout, receipts: &[Receipt]) -> Cmd {
    let mut command = script::RECORD.on_mailbox(layout, &receipts[0].message.mailbox);
    for of_message in receipts.chunk_by(|a, b| a.message.seq == b.message.seq) {
        let message = &of_message[0].message;
        // Those of a message to everyone too, although there are as many as keys: its end folds
        // them into counts, and a clock that leaps by an hour must not take them from a live one.
        command
            .arg(&message.id)
            .arg(message.seq)
            .arg(message.expires_at.0.saturating_add(RETENTION))
            .arg(of_message.len());
        for receipt in of_message {
            command
                .arg(&*receipt.of_key.key)
                .arg(if receipt.is_acknowledged() { "a" } else { "d" })
                .arg(row(message, &receipt.of_key));
        }
    }
    command
}

/// What is kept of a receipt behind the key's id; see `lua/prelude.lua`. A node's name has no space.
fn row(message: &Message, receipt: &KeyReceipt) -> String {
    let ms = |at: Option<Millis>| match at {
        Some(at) => (at.0 - message.deliver_at.0).to_string(),
        None => "-".into(),
    };
    let (at, outcome) = receipt.acknowledged.unzip();
    let outcome = outcome.map_or('-', Outcome::letter);
    let (emitted, at) = (ms(receipt.emitted_at), ms(at));
    format!("{emitted} {at} {outcome} {}", receipt.node)
}

/// Reads what is kept of a receipt.
pub(super) fn receipt(message: &Message, row: &str) -> Option<KeyReceipt> {
    let mut parts = row.splitn(5, ' ');
    let key = parts.next()?.into();
    let mut time = || {
        let ms = parts.next()?.parse().ok()?;
        Some(Millis(message.deliver_at.0.saturating_add(ms)))
    };
    let (emitted_at, at) = (time(), time());
    let outcome = parts.next()?.chars().next().and_then(Outcome::of_letter);
    Some(KeyReceipt {
        key,
        node: parts.next()?.into(),
        emitted_at,
        acknowledged: at.zip(outcome),
    })
}

/// The call that notes something that happened to a message.
pub(super) fn noting(layout: Layout, message: &Message, note: &Note) -> Result<Cmd> {
    let json = serde_json::to_string(note)
        .map_err(|error| StoreError::Unavailable(format!("a note cannot be written: {error}")))?;
    let mut command = script::NOTE.on_mailbox(layout, &message.mailbox);
    command
        .arg(&message.id)
        .arg(message.seq)
        .arg(json)
        .arg(MAX_NOTES);
    Ok(command)
}

/// A message with what is known of it.
pub(super) fn status(
    message: Arc<Message>,
    (delivered, acknowledged, cancelled): Counts,
) -> Status {
    Status {
        message,
        cancelled: cancelled.is_some(),
        delivered_keys: delivered.unwrap_or(0),
        acknowledged_keys: acknowledged.unwrap_or(0),
        notes: Vec::new(),
        receipts: Vec::new(),
    }
}

/// A position as scripts take it: moment and member, both empty for none. A member is a sequence
/// number and an id: `~` comes after every character of an id, and nothing before.
pub(super) fn add_position(command: &mut Cmd, at: Option<Position>, id: &str) {
    match at {
        Some(at) => command
            .arg(at.deliver_at.0)
            .arg(format!("{:016}{id}", at.seq)),
        None => command.arg("").arg(""),
    };
}
