//! The names of what is kept in Redis. Releases that share a store use the same.
//!
//! On one primary the store is one part. On a cluster it has as many parts as divide evenly over 2,
//! 3, 6, 9 and 18 primaries, and a part is one slot: a script may use all of a mailbox and of the
//! indexes of its part. A primary has some parts, and what it takes away with it is theirs only.

use std::borrow::Cow;

use crate::message::Mailbox;
use crate::store::{Part, Parts};

/// The hash tag of each part of a cluster, and its slot: they are spread evenly over the slots, so
/// that the parts are spread evenly over primaries that share them evenly.
const TAGS: [(&str, u16); timeouts::grammar::STORE_PARTS] = [
    ("2714", 455),
    ("9918", 1365),
    ("8283", 2275),
    ("48854", 3185),
    ("4129", 4096),
    ("48669", 5006),
    ("7529", 5916),
    ("9725", 6826),
    ("2929", 7736),
    ("26709", 8647),
    ("7903", 9557),
    ("6298", 10467),
    ("52", 11377),
    ("356", 12288),
    ("43100", 13198),
    ("9532", 14108),
    ("49497", 15018),
    ("26934", 15928),
];
/// Channels that one primary's announcements are spread over; every node listens to all of them.
const CHANNELS: u32 = 16;
/// The channel of one primary on which what was published is announced. Releases before this one
/// listen to the others only.
const PUBLISHED: &str = "hf:published";
/// What release 0.1 has instead of `ends`: mailboxes by their first expiry.
pub(super) const EXPIRIES: &str = "hf:expiries";

/// How names are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// For one primary. Releases before this one have it.
    Single,
    /// For a cluster.
    Cluster,
}

/// Where the plugin keys of a part are.
pub(super) struct KeyNames {
    /// Key records by id.
    pub(super) records: Name,
    /// The ids of keys, in order.
    pub(super) ids: Name,
    /// Channel and id of each key, in order.
    pub(super) channels: Name,
    /// How keys were used, by id.
    pub(super) uses: Name,
    /// The ids of keys revoked within the last hour, by when.
    pub(super) revoked: Name,
}

pub(super) type Name = Cow<'static, str>;

impl Layout {
    /// Every part of the store.
    pub(super) fn parts(self) -> Parts {
        let number = match self {
            Self::Single => 1,
            Self::Cluster => TAGS.len(),
        };
        (0..).take(number).map(Part).collect()
    }

    /// The part that has a mailbox. A channel is in one part with all its namespaces: what its
    /// plugins need is in few places.
    pub(super) fn part_of(self, mailbox: &Mailbox) -> Part {
        let name = mailbox.channel_name().unwrap_or(mailbox.as_str());
        self.part(name.bytes())
    }

    /// The part that has a key: that of the mailbox which stands for it.
    pub(super) fn part_of_key(self, id: &str) -> Part {
        self.part_of(&Mailbox::of_key(id))
    }

    fn part(self, name: impl Iterator<Item = u8>) -> Part {
        match self {
            Self::Single => Part::FIRST,
            Self::Cluster => Part((hash(name) % TAGS.len() as u32) as u8),
        }
    }

    /// What every key of a mailbox begins with.
    pub(super) fn mailbox(self, mailbox: &Mailbox) -> String {
        match self {
            Self::Single => format!("hf:{{{mailbox}}}:"),
            Self::Cluster => {
                let (tag, _) = tag(self.part_of(mailbox));
                format!("hf:{{{tag}}}:{mailbox}:")
            }
        }
    }

    /// What comes before a mailbox of a part in that, and after it.
    pub(super) fn around_mailbox(self, part: Part) -> (Name, &'static str) {
        match self {
            Self::Single => (Cow::Borrowed("hf:{"), "}:"),
            Self::Cluster => (self.of_part(part, "hf:"), ":"),
        }
    }

    /// The channel on which messages of a part are announced, all of a call at once.
    pub(super) fn published(self, part: Part) -> Name {
        match self {
            Self::Single => Cow::Borrowed(PUBLISHED),
            Self::Cluster => self.of_part(part, "hf:announce"),
        }
    }

    /// A channel that releases before this one listen to, and this one as well; empty where there
    /// are none.
    pub(super) fn heard_by_older(self) -> String {
        match self {
            Self::Single => announcements(0),
            Self::Cluster => String::new(),
        }
    }

    /// The channel on which a mailbox's other announcements are made.
    pub(super) fn announcements(self, mailbox: &Mailbox) -> String {
        match self {
            Self::Single => announcements(hash(mailbox.as_str().bytes()) % CHANNELS),
            Self::Cluster => self
                .of_part(self.part_of(mailbox), "hf:announce")
                .into_owned(),
        }
    }

    /// The channel on which what concerns no mailbox is announced: revocations and bans.
    pub(super) fn notices(self, part: Part) -> String {
        match self {
            Self::Single => announcements(0),
            Self::Cluster => self.of_part(part, "hf:announce").into_owned(),
        }
    }

    /// Every channel of a part. On one primary those of older releases come first: who listens to
    /// the last of them listens to all, and is not taken for an older release.
    pub(super) fn channels(self, part: Part) -> Vec<String> {
        match self {
            Self::Single => (0..CHANNELS)
                .map(announcements)
                .chain([PUBLISHED.to_owned()])
                .collect(),
            Self::Cluster => vec![self.notices(part)],
        }
    }

    /// The part that a channel is of.
    pub(super) fn part_of_channel(self, channel: &str) -> Option<Part> {
        let parts = self.parts();
        let mut parts = parts.iter();
        parts.find(|part| self.channels(*part).iter().any(|own| own == channel))
    }

    /// Every live message of a part by the moment at which it expires.
    pub(super) fn ends(self, part: Part) -> Name {
        self.of_part(part, "hf:ends")
    }

    /// Mailboxes with a message that falls due in a minute, of which the number follows.
    pub(super) fn soon(self, part: Part) -> Name {
        self.of_part(part, "hf:soon:")
    }

    /// Written once by the first node that finds the part empty: another value means that the data
    /// has gone.
    pub(super) fn epoch(self, part: Part) -> Name {
        self.of_part(part, "hf:epoch")
    }

    /// When a node said last that it lives: an older value than it knows of means that the part has
    /// gone back in time.
    pub(super) fn beat(self, part: Part, instance: &str) -> String {
        format!("{}{instance}", self.of_part(part, "hf:beat:"))
    }

    /// Written so that there is something to be confirmed by a replica.
    pub(super) fn confirm(self, part: Part) -> Name {
        self.of_part(part, "hf:confirm")
    }

    /// Nodes that have had sockets on mailboxes of a part, by when they said so.
    pub(super) fn nodes(self, part: Part) -> Name {
        self.of_part(part, "hf:nodes")
    }

    /// How many sockets a node has on each mailbox of a part; vanishes soon after the node.
    pub(super) fn node(self, part: Part, name: &str) -> String {
        format!("{}{name}", self.of_part(part, "hf:node:"))
    }

    /// Where the keys of a part are.
    pub(super) fn keys(self, part: Part) -> KeyNames {
        const SINGLE: &str = "hf:{keys}:";
        let name = |single: &'static str| match self {
            Self::Single => Cow::Borrowed(single),
            Self::Cluster => {
                let what = single.strip_prefix(SINGLE).unwrap_or(single);
                Cow::Owned(format!("hf:{{{}}}:keys:{what}", tag(part).0))
            }
        };
        KeyNames {
            records: name("hf:{keys}:records"),
            ids: name("hf:{keys}:ids"),
            channels: name("hf:{keys}:channels"),
            uses: name("hf:{keys}:uses"),
            revoked: name("hf:{keys}:revoked"),
        }
    }

    /// A name that begins with `hf:`; on a cluster with the part's tag.
    fn of_part(self, part: Part, single: &'static str) -> Name {
        match self {
            Self::Single => Cow::Borrowed(single),
            Self::Cluster => {
                let what = single.strip_prefix("hf:").unwrap_or(single);
                Cow::Owned(format!("hf:{{{}}}:{what}", tag(part).0))
            }
        }
    }
}

/// The slot that a part of a cluster is.
pub(super) fn slot(part: Part) -> u16 {
    tag(part).1
}

fn tag(part: Part) -> (&'static str, u16) {
    TAGS[part.index() % TAGS.len()]
}

fn announcements(number: u32) -> String {
    format!("hf:announce:{number}")
}

/// FNV-1a: every release must choose alike.
fn hash(name: impl Iterator<Item = u8>) -> u32 {
    name.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC16 as Redis Cluster has it: XMODEM.
    fn slot_of(tag: &str) -> u16 {
        let crc = tag.bytes().fold(0_u16, |crc, byte| {
            (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| match crc & 0x8000 {
                0 => crc << 1,
                _ => crc << 1 ^ 0x1021,
            })
        });
        crc % 16_384
    }

    #[test]
    fn the_names_are_those_that_other_releases_use() {
        let streamer = Mailbox::channel("dropcodes", "streamer-42");
        let single = Layout::Single;
        assert_eq!(single.mailbox(&streamer), "hf:{dropcodes/streamer-42}:");
        assert_eq!(single.announcements(&streamer), "hf:announce:9");
        assert_eq!(single.ends(Part::FIRST), "hf:ends");
        assert_eq!(single.keys(Part::FIRST).records, "hf:{keys}:records");
        let cluster = Layout::Cluster;
        let other = Mailbox::channel("donations", "streamer-42");
        assert_eq!(cluster.part_of(&other), cluster.part_of(&streamer));
        assert_eq!(
            cluster.mailbox(&streamer),
            "hf:{48854}:dropcodes/streamer-42:"
        );
        for layout in [single, cluster] {
            let (before, after) = layout.around_mailbox(layout.part_of(&streamer));
            let whole = format!("{before}{streamer}{after}");
            assert_eq!(layout.mailbox(&streamer), whole);
        }
        assert_eq!(cluster.announcements(&streamer), "hf:{48854}:announce");
        assert_eq!(cluster.published(Part(3)), "hf:{48854}:announce");
        assert_eq!(cluster.ends(Part(12)), "hf:{52}:ends");
    }

    #[test]
    fn the_parts_of_a_cluster_are_spread_over_its_primaries() {
        for (tag, slot) in TAGS {
            assert_eq!(slot_of(tag), slot, "{tag}");
        }
        for primaries in [2, 3, 6, 9, 18] {
            let mut parts = vec![0; primaries];
            for (_, slot) in TAGS {
                parts[usize::from(slot) * primaries / 16_384] += 1;
            }
            assert_eq!(parts, vec![18 / primaries; primaries]);
        }
    }

    #[test]
    fn mailboxes_are_spread_over_the_parts() {
        let mut of_part = [0; TAGS.len()];
        for n in 0..18_000 {
            let mailbox = Mailbox::channel("dropcodes", &format!("streamer-{n}"));
            of_part[Layout::Cluster.part_of(&mailbox).index()] += 1;
        }
        assert!(
            of_part.iter().all(|number| (800..1_200).contains(number)),
            "{of_part:?}"
        );
    }
}
