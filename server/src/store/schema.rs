//! The embedded store's tables, and its clock.

use redb::TableDefinition;

use crate::clock::{Millis, system_micros};

/// mailbox, due, sequence → record of a message that may still be delivered.
pub(super) const MESSAGES: TableDefinition<'_, (&str, i64, u64), &[u8]> =
    TableDefinition::new("messages");
/// The same, of messages that expired or were cancelled: kept for a day, out of the way of
/// deliveries.
pub(super) const ARCHIVE: TableDefinition<'_, (&str, i64, u64), &[u8]> =
    TableDefinition::new("archive");
/// mailbox, id → due, sequence.
pub(super) const IDS: TableDefinition<'_, (&str, &str), (i64, u64)> = TableDefinition::new("ids");
/// mailbox, sequence → due.
pub(super) const SEQUENCES: TableDefinition<'_, (&str, u64), i64> =
    TableDefinition::new("sequences");
/// mailbox, sequence → keys it was emitted to, keys that acknowledged it, cancelled.
pub(super) const TALLIES: TableDefinition<'_, (&str, u64), (u32, u32, bool)> =
    TableDefinition::new("tallies");
/// mailbox, sequence, key → acknowledged (or only emitted).
pub(super) const RECEIPTS: TableDefinition<'_, (&str, u64, &str), bool> =
    TableDefinition::new("receipts");
/// mailbox, sequence, number → note as JSON.
pub(super) const NOTES: TableDefinition<'_, (&str, u64, u32), &[u8]> =
    TableDefinition::new("notes");
/// expiry, mailbox, sequence → due.
pub(super) const EXPIRIES: TableDefinition<'_, (i64, &str, u64), i64> =
    TableDefinition::new("expiries");
/// moment to forget, mailbox, sequence → due.
pub(super) const RETIRED: TableDefinition<'_, (i64, &str, u64), i64> =
    TableDefinition::new("retired");
/// mailbox → live messages, bytes of their data.
pub(super) const LOADS: TableDefinition<'_, &str, (u32, u64)> = TableDefinition::new("loads");
/// `seq` → last sequence number, `bytes` → bytes of all live messages, `archived` → of all archived
/// ones.
pub(super) const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
/// id → key record as JSON.
pub(super) const KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");

pub(super) type MessageTable = TableDefinition<'static, (&'static str, i64, u64), &'static [u8]>;

/// The embedded store's clock: the machine's, without its leaps.
pub(super) fn now() -> Millis {
    Millis(system_micros().div_euclid(1000))
}
