//! The names of what is kept in Redis. All of one mailbox share a hash tag, so that a cluster stays
//! possible.

use crate::message::Mailbox;

/// Channels that announcements are spread over; every node listens to all of them.
pub(super) const PARTITIONS: u32 = 16;
/// Every live message by the moment at which it expires.
pub(super) const ENDS: &str = "hf:ends";
/// Mailboxes with a message that falls due in a minute, of which the number follows.
pub(super) const SOON: &str = "hf:soon:";
/// What release 0.1 has instead of `ENDS`: mailboxes by their first expiry.
pub(super) const EXPIRIES: &str = "hf:expiries";
/// Written once by the first node that finds the store empty: another value means that the data has
/// gone.
pub(super) const EPOCH: &str = "hf:epoch";
/// Nodes by when they were last seen.
pub(super) const NODES: &str = "hf:nodes";
/// Key records by id.
pub(super) const KEYS: &str = "hf:{keys}:records";
/// The ids of keys, in order.
pub(super) const KEY_IDS: &str = "hf:{keys}:ids";
/// Channel and id of each key, in order.
pub(super) const KEY_CHANNELS: &str = "hf:{keys}:channels";
/// How keys were used, by id.
pub(super) const KEY_USES: &str = "hf:{keys}:uses";
/// The ids of keys revoked within the last hour, by when.
pub(super) const REVOKED: &str = "hf:{keys}:revoked";

/// What every key of a mailbox begins with.
pub(super) fn mailbox(mailbox: &Mailbox) -> String {
    format!("hf:{{{mailbox}}}:")
}

/// What comes before a mailbox in that, and after it.
pub(super) fn around_mailbox() -> (&'static str, &'static str) {
    ("hf:{", "}:")
}

/// The channel on which a mailbox's announcements are made.
pub(super) fn announcements(mailbox: &Mailbox) -> String {
    // FNV-1a: every release must choose the same channel.
    let hash = mailbox
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
    partition(hash % PARTITIONS)
}

/// The channel on which revocations are announced.
pub(super) fn revocations() -> String {
    partition(0)
}

/// The channel on which bans are announced.
pub(super) fn bans() -> String {
    partition(0)
}

/// The channel of a partition.
pub(super) fn partition(number: u32) -> String {
    format!("hf:announce:{number}")
}

/// How many sockets a node has on each mailbox; vanishes soon after the node.
pub(super) fn node(name: &str) -> String {
    format!("hf:node:{name}")
}

/// When a node said last that it lives: an older value than it knows of means that the store has
/// gone back in time.
pub(super) fn beat(instance: &str) -> String {
    format!("hf:beat:{instance}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_other_releases_use() {
        let streamer = Mailbox::channel("dropcodes", "streamer-42");
        assert_eq!(mailbox(&streamer), "hf:{dropcodes/streamer-42}:");
        let (before, after) = around_mailbox();
        assert_eq!(mailbox(&streamer), format!("{before}{streamer}{after}"));
        assert_eq!(announcements(&streamer), "hf:announce:9");
    }
}
