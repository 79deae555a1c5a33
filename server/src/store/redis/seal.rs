//! Seals: each message and each cancellation carries a code that nodes alone can make, so that
//! whoever may publish in Redis cannot announce a message of his own, or have one held back.
//!
//! The secret comes from the backend keys, which nodes share and Redis never sees. While those are
//! rotated, or with an older release, a node may hear a seal that it does not know. It proves
//! nothing then, and the mailbox is read instead.

use subtle::ConstantTimeEq;

use crate::backends::BackendKeys;
use crate::ban::Ban;
use crate::clock::Millis;
use crate::keys::hmac;
use crate::message::{Message, Position};
use crate::store::Draft;

/// What the secrets are for.
const MESSAGES: &str = "holdfast announcements 1";
const CANCELLATIONS: &str = "holdfast cancellations 1";
const BANS: &str = "holdfast bans 1";
/// Hexadecimal digits of a seal: 128 bits.
const DIGITS: usize = 32;

/// Makes and checks seals with the backend keys.
pub(super) struct Seals(BackendKeys);

impl Seals {
    /// Seals of nodes that have these backend keys.
    pub(super) fn new(keys: BackendKeys) -> Self {
        Self(keys)
    }

    /// The seal of a message that is about to be stored; none without a backend key.
    pub(super) fn of_draft(&self, draft: &Draft) -> Option<String> {
        self.all(&Content {
            names: [draft.mailbox.as_str(), &draft.id, &draft.event],
            times: [draft.created_at, draft.deliver_at, draft.expires_at],
            data: draft.data.get(),
        })
        .next()
    }

    /// The seal of a message; none without a backend key.
    pub(super) fn of_message(&self, message: &Message) -> Option<String> {
        self.all(&content(message)).next()
    }

    /// Whether a node with one of the same backend keys has sealed this message.
    pub(super) fn fits(&self, message: &Message, seal: &str) -> bool {
        self.all(&content(message)).any(|own| same(&own, seal))
    }

    /// The seal of a cancellation; none without a backend key.
    pub(super) fn of_cancellation(&self, mailbox: &str, id: &str, at: Position) -> Option<String> {
        self.cancellations(mailbox, id, at).next()
    }

    /// Whether a node with one of the same backend keys has cancelled this.
    pub(super) fn fits_cancellation(
        &self,
        mailbox: &str,
        id: &str,
        at: Position,
        seal: &str,
    ) -> bool {
        self.cancellations(mailbox, id, at)
            .any(|own| same(&own, seal))
    }

    fn cancellations(&self, mailbox: &str, id: &str, at: Position) -> impl Iterator<Item = String> {
        // Neither name holds a blank.
        let text = format!("{mailbox} {id} {} {}", at.deliver_at.0, at.seq);
        let secrets = self.0.secrets(CANCELLATIONS).into_iter();
        secrets.map(move |secret| seal(&secret, [&text]))
    }

    /// A ban as it is announced: with its seal. None without a backend key.
    pub(super) fn ban(&self, ban: Ban) -> Option<String> {
        let text = format!("{} {}", ban.address, ban.until.0);
        let secret = self.0.secrets(BANS).into_iter().next()?;
        Some(format!("{text} {}", seal(&secret, [&text])))
    }

    /// The ban that was announced so, if a node with one of the same backend keys has done it.
    pub(super) fn read_ban(&self, announced: &str) -> Option<Ban> {
        let (text, told) = announced.rsplit_once(' ')?;
        let (address, until) = text.split_once(' ')?;
        let mut secrets = self.0.secrets(BANS).into_iter();
        secrets.find(|secret| same(&seal(secret, [text]), told))?;
        Some(Ban {
            address: address.parse().ok()?,
            until: Millis(until.parse().ok()?),
        })
    }

    fn all(&self, content: &Content<'_>) -> impl Iterator<Item = String> {
        let secrets = self.0.secrets(MESSAGES).into_iter();
        secrets.map(|secret| content.seal(&secret))
    }
}

/// What a seal is of: all of a message but its sequence number, which the store gives.
struct Content<'a> {
    names: [&'a str; 3],
    times: [Millis; 3],
    data: &'a str,
}

fn content(message: &Message) -> Content<'_> {
    Content {
        names: [message.mailbox.as_str(), &message.id, &message.event],
        times: [message.created_at, message.deliver_at, message.expires_at],
        data: message.data.get(),
    }
}

impl Content<'_> {
    fn seal(&self, secret: &[u8; 32]) -> String {
        let texts = self.names.into_iter().chain([self.data]);
        // Each text with its length in front: no two contents are the same bytes.
        let texts =
            texts.flat_map(|text| [(text.len() as u64).to_be_bytes().to_vec(), text.into()]);
        let times = self.times.map(|time| time.0.to_be_bytes().to_vec());
        seal(secret, times.into_iter().chain(texts))
    }
}

fn seal(secret: &[u8; 32], parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut digits = super::message_format::hex(&hmac(secret, parts));
    digits.truncate(DIGITS);
    digits
}

fn same(own: &str, told: &str) -> bool {
    own.as_bytes().ct_eq(told.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Mailbox;

    fn seals(letters: &str) -> Seals {
        let keys: Vec<_> = letters
            .chars()
            .map(|letter| letter.to_string().repeat(32))
            .collect();
        Seals::new(BackendKeys::parse(&keys.join(",")).unwrap())
    }

    fn message(data: &str) -> Message {
        Message {
            mailbox: Mailbox::channel("n", "c"),
            id: "a".into(),
            seq: 7,
            event: "e".into(),
            data: serde_json::value::to_raw_value(data).unwrap(),
            created_at: Millis(1),
            deliver_at: Millis(2),
            expires_at: Millis(3),
            digest: [0; 32],
            packet_body: std::sync::OnceLock::new(),
        }
    }

    #[test]
    fn a_seal_fits_what_was_sealed_and_nothing_else() {
        let (seals, real) = (seals("k"), message("real"));
        let seal = seals.of_message(&real).unwrap();
        assert_eq!(seal.len(), DIGITS);
        assert!(seals.fits(&real, &seal));
        let later = Message {
            deliver_at: Millis(4),
            ..message("real")
        };
        let elsewhere = Message {
            mailbox: Mailbox::channel("n", "d"),
            ..message("real")
        };
        let shifted = Message {
            id: "ae".into(),
            event: String::new(),
            ..message("real")
        };
        for other in [message("forged"), later, elsewhere, shifted] {
            assert!(!seals.fits(&other, &seal), "{other:?}");
        }
        assert!(!seals.fits(&real, "") && !seals.fits(&real, &"0".repeat(DIGITS)));
    }

    #[test]
    fn a_ban_comes_back_as_it_was_told_and_not_otherwise() {
        let ban = Ban {
            address: "2001:db8::1".parse().unwrap(),
            until: Millis(7),
        };
        let told = seals("ab").ban(ban).unwrap();
        assert_eq!(seals("ba").read_ban(&told), Some(ban));
        assert_eq!(seals("bc").read_ban(&told), None);
        let longer = told.replacen(" 7 ", " 8 ", 1);
        for other in [longer.as_str(), "", "2001:db8::1 7", "2001:db8::1 7 "] {
            assert_eq!(seals("ab").read_ban(other), None, "{other}");
        }
    }

    #[test]
    fn the_seal_of_a_cancellation_is_of_one_message() {
        let at = |seq| Position {
            deliver_at: Millis(7),
            seq,
        };
        let seal = seals("ab").of_cancellation("n/c", "a", at(1)).unwrap();
        assert!(seals("ba").fits_cancellation("n/c", "a", at(1), &seal));
        assert!(!seals("bc").fits_cancellation("n/c", "a", at(1), &seal));
        for (mailbox, id, seq) in [("n/d", "a", 1), ("n/c", "b", 1), ("n/c", "a", 2)] {
            assert!(!seals("ab").fits_cancellation(mailbox, id, at(seq), &seal));
        }
    }

    #[test]
    fn a_seal_is_known_while_a_key_is_shared() {
        let seal = seals("ab").of_message(&message("m")).unwrap();
        assert!(seals("ca").fits(&message("m"), &seal));
        assert!(
            !seals("bc").fits(&message("m"), &seal),
            "the first key seals"
        );
    }
}
