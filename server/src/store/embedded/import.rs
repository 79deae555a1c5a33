//! What release 0.1 has left in a directory: its database, read once and put aside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use redb::{ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::change::Change;
use super::codec::untimed;
use super::contents::Contents;
use crate::clock::Millis;
use crate::keys::KeyRecord;
use crate::message::{Mailbox, Message, Note, Position};
use crate::store::RETENTION;

type Messages = TableDefinition<'static, (&'static str, i64, u64), &'static [u8]>;

const MESSAGES: Messages = TableDefinition::new("messages");
const ARCHIVE: Messages = TableDefinition::new("archive");
const TALLIES: TableDefinition<'_, (&str, u64), (u32, u32, bool)> = TableDefinition::new("tallies");
const RECEIPTS: TableDefinition<'_, (&str, u64, &str), bool> = TableDefinition::new("receipts");
const NOTES: TableDefinition<'_, (&str, u64, u32), &[u8]> = TableDefinition::new("notes");
/// The moment to forget, mailbox, sequence → due.
const RETIRED: TableDefinition<'_, (i64, &str, u64), i64> = TableDefinition::new("retired");
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
const KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");

/// How a message is written there, behind a byte of format version.
#[derive(Deserialize)]
struct MessageRecord<'a> {
    id: &'a str,
    event: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
    created_at: i64,
    expires_at: i64,
    digest: [u8; 32],
}

/// Takes over what is there. Returns whether there is something.
///
/// # Errors
/// When it cannot be read, or another process has it.
pub(super) fn read(directory: &Path, contents: &mut Contents) -> Result<bool, redb::Error> {
    let path = path(directory);
    if !path.exists() {
        return Ok(false);
    }
    // Opened for writing: where its process was killed, it has to be repaired.
    let database = redb::Database::open(&path)?;
    let snapshot = database.begin_read()?;
    messages(&snapshot, contents)?;
    receipts(&snapshot, contents)?;
    for row in snapshot.open_table(KEYS)?.iter()? {
        if let Ok(key) = serde_json::from_slice::<KeyRecord>(row?.1.value()) {
            contents.apply(&Change::Key(Box::new(key)));
        }
    }
    if let Some(seq) = snapshot.open_table(COUNTERS)?.get("seq")? {
        contents.apply(&Change::Seq(seq.value()));
    }
    tracing::info!(path = %path.display(), "took over what an earlier release has stored");
    Ok(true)
}

/// Puts the database out of the way, once its data is elsewhere.
///
/// # Errors
/// When it cannot be renamed.
pub(super) fn put_aside(directory: &Path) -> io::Result<()> {
    fs::rename(path(directory), directory.join("holdfast.redb.taken-over"))
}

fn path(directory: &Path) -> PathBuf {
    directory.join("holdfast.redb")
}

fn messages(snapshot: &ReadTransaction, contents: &mut Contents) -> Result<(), redb::Error> {
    for table in [MESSAGES, ARCHIVE] {
        for row in snapshot.open_table(table)?.iter()? {
            let (key, bytes) = row?;
            let (name, deliver_at, seq) = key.value();
            if let Some(message) = decode(name, position(deliver_at, seq), bytes.value()) {
                contents.apply(&Change::Stored(Arc::new(message)));
            }
        }
    }
    for row in snapshot.open_table(NOTES)?.iter()? {
        let (key, json) = row?;
        let (name, seq, _) = key.value();
        if let Some(at) = due(snapshot, name, seq)?
            && let Ok(note) = serde_json::from_slice::<Note>(json.value())
        {
            let mailbox = Mailbox::from(name);
            contents.apply(&Change::Noted { mailbox, at, note });
        }
    }
    Ok(())
}

/// Receipts are taken over while their messages are live; then those end that have ended.
fn receipts(snapshot: &ReadTransaction, contents: &mut Contents) -> Result<(), redb::Error> {
    for row in snapshot.open_table(RECEIPTS)?.iter()? {
        let (key, acknowledged) = row?;
        let (name, seq, key) = key.value();
        if let Some(at) = due(snapshot, name, seq)? {
            contents.apply(&Change::Receipt {
                mailbox: Mailbox::from(name),
                at,
                receipt: untimed(key, acknowledged.value()),
            });
        }
    }
    let tallies = snapshot.open_table(TALLIES)?;
    for row in snapshot.open_table(RETIRED)?.iter()? {
        let (key, deliver_at) = row?;
        let (forgotten_at, name, seq) = key.value();
        let tally = tallies.get((name, seq))?.map(|tally| tally.value());
        contents.apply(&Change::Ended {
            mailbox: Mailbox::from(name),
            at: position(deliver_at.value(), seq),
            when: Millis(forgotten_at.saturating_sub(RETENTION)),
            cancelled: tally.is_some_and(|(_, _, cancelled)| cancelled),
        });
    }
    Ok(())
}

const SEQUENCES: TableDefinition<'_, (&str, u64), i64> = TableDefinition::new("sequences");

fn due(snapshot: &ReadTransaction, name: &str, seq: u64) -> Result<Option<Position>, redb::Error> {
    let due = snapshot.open_table(SEQUENCES)?.get((name, seq))?;
    Ok(due.map(|deliver_at| position(deliver_at.value(), seq)))
}

fn position(deliver_at: i64, seq: u64) -> Position {
    Position {
        deliver_at: Millis(deliver_at),
        seq,
    }
}

fn decode(mailbox: &str, at: Position, bytes: &[u8]) -> Option<Message> {
    let (1, json) = bytes
        .split_first()
        .map(|(version, json)| (*version, json))?
    else {
        return None;
    };
    let record: MessageRecord<'_> = serde_json::from_slice(json).ok()?;
    Some(Message {
        mailbox: Mailbox::from(mailbox),
        id: record.id.to_owned(),
        seq: at.seq,
        event: record.event.into_owned(),
        data: record.data.to_owned(),
        created_at: Millis(record.created_at),
        deliver_at: at.deliver_at,
        expires_at: Millis(record.expires_at),
        digest: record.digest,
        packet_body: OnceLock::new(),
    })
}
