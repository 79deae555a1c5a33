//! How calls are written for the scripts, and their answers read.

use std::sync::{Arc, OnceLock};

use redis::{Cmd, Value};

use super::names::Layout;
use super::seal::Seals;
use super::sweep::LISTED_FROM;
use super::{message_format, read, script};
use crate::clock::Millis;
use crate::message::{Mailbox, Message, Note, Position, Status};
use crate::receipts::{KeyReceipt, Outcome};
use crate::store::{
    Draft, MAX_CHANNEL_BYTES, MAX_CHANNEL_MESSAGES, MAX_EVERYONE_MESSAGES, MAX_NOTES, Published,
    RETENTION, Receipt, Result, StoreError,
};

/// A draft's arguments of the script that stores it.
pub(super) type Row = [String; 12];

/// Keys that were shown a message, that acknowledged it, and whether it was cancelled.
pub(super) type Counts = (Option<u32>, Option<u32>, Option<u32>);

/// A draft as the script takes it; `full` lets only repeated requests pass, and it is not stored
/// after `deadline`. See `lua/publish.lua`.
pub(super) fn row(
    layout: Layout,
    draft: &Draft,
    full: bool,
    seals: &Seals,
    deadline: Option<Millis>,
) -> Row {
    let mailbox = &draft.mailbox;
    let most = match mailbox.channel_name() {
        // What came before is still answered as what it is.
        _ if full => 0,
        Some(_) => MAX_CHANNEL_MESSAGES,
        None => MAX_EVERYONE_MESSAGES,
    };
    let [created, deliver, expires] =
        [draft.created_at, draft.deliver_at, draft.expires_at].map(|time| time.0);
    let seq = created.saturating_mul(1000);
    let line = message_format::encode(&stored(draft, seq.unsigned_abs()), seals.of_draft(draft));
    let is_listed = draft.deliver_at.since(draft.created_at) > LISTED_FROM;
    let when = match () {
        () if expires <= deliver => "x".to_owned(),
        () if is_listed => deliver.div_euclid(60_000).to_string(),
        () => String::new(),
    };
    [
        layout.mailbox(mailbox),
        mailbox.to_string(),
        draft.id.clone(),
        seq.to_string(),
        deliver.to_string(),
        expires.to_string(),
        expires.saturating_add(RETENTION).to_string(),
        draft.data.get().len().to_string(),
        most.to_string(),
        when,
        deadline.map_or_else(String::new, |at| at.0.to_string()),
        line,
    ]
}

/// The call that stores messages of one part. It answers with a list that has an answer for each.
pub(super) fn publishing(layout: Layout, rows: &[Row]) -> Cmd {
    let mailbox = Mailbox::from(rows[0][1].as_str());
    let mut command = script::PUBLISH.on_mailbox(layout, &mailbox);
    command
        .arg(MAX_CHANNEL_BYTES)
        .arg(&*layout.published(layout.part_of(&mailbox)))
        .arg(layout.heard_by_older());
    rows.iter().for_each(|row| {
        command.arg(row);
    });
    command
}

/// What became of a draft.
pub(super) fn published(draft: &Draft, answer: Value, full: bool) -> Result<Published> {
    let answer = match answer {
        Value::Array(parts) => parts,
        seq => {
            return Ok(Published::Stored(status(
                stored(draft, read(seq)?),
                Counts::default(),
            )));
        }
    };
    let mut parts = answer.into_iter();
    let mut next = || parts.next().unwrap_or(Value::Nil);
    let decode = |line: Vec<u8>| {
        message_format::decode(&draft.mailbox, &line)
            .ok_or_else(|| StoreError::Unavailable("a message came back in an unknown form".into()))
    };
    Ok(match read::<String>(next())?.as_str() {
        "repeated" => Published::Repeated(status(decode(read(next())?)?, read(next())?)),
        "expired" => Published::Expired,
        "full" if full => Published::Full("the memory of the store"),
        "full" if read::<String>(next())? == "size" => {
            Published::Full("the size of live messages in this mailbox")
        }
        "full" => Published::Full("the number of live messages in this mailbox"),
        "failed" => return Err(StoreError::Unavailable(read(next())?)),
        _ => Published::Conflict,
    })
}

/// The message that a draft has become.
fn stored(draft: &Draft, seq: u64) -> Arc<Message> {
    Arc::new(Message {
        mailbox: draft.mailbox.clone(),
        id: draft.id.clone(),
        seq,
        event: draft.event.clone(),
        data: draft.data.clone(),
        created_at: draft.created_at,
        deliver_at: draft.deliver_at,
        expires_at: draft.expires_at,
        digest: draft.digest,
        packet_body: OnceLock::new(),
    })
}

/// The call that notes receipts of one part, which are in the order of mailboxes and their messages. It answers
/// with the errors of messages that are damaged.
pub(super) fn recording(layout: Layout, receipts: &[Receipt]) -> Cmd {
    let mut command = script::RECORD.on_mailbox(layout, &receipts[0].message.mailbox);
    let same = |a: &Receipt, b: &Receipt| {
        (&a.message.mailbox, a.message.seq) == (&b.message.mailbox, b.message.seq)
    };
    for of_message in receipts.chunk_by(same) {
        let message = &of_message[0].message;
        let prefix = layout.mailbox(&message.mailbox);
        let receipts = format!("{prefix}r:{}", message.id);
        // Those of a message to everyone too, although there are as many as keys: its end folds
        // them into counts, and a clock that leaps by an hour must not take them from a live one.
        command
            .arg(prefix)
            .arg(receipts)
            .arg(message.seq)
            .arg(message.expires_at.0.saturating_add(RETENTION))
            .arg(of_message.len());
        for receipt in of_message {
            command
                .arg(&*receipt.of_key.key)
                .arg(if receipt.is_acknowledged() { "a" } else { "d" })
                .arg(kept(message, &receipt.of_key));
        }
    }
    command
}

/// What is kept of a receipt; see `lua/prelude.lua`. A node's name has no space.
fn kept(message: &Message, receipt: &KeyReceipt) -> String {
    let ms = |at: Option<Millis>| match at {
        Some(at) => (at.0 - message.deliver_at.0).to_string(),
        None => "-".into(),
    };
    let (at, outcome) = receipt.acknowledged.unzip();
    let outcome = outcome.map_or('-', Outcome::letter);
    let (emitted, at) = (ms(receipt.emitted_at), ms(at));
    format!("{} {emitted} {at} {outcome} {}", receipt.key, receipt.node)
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
