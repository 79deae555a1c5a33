//! Keys of plugins: issued, recognised, and kept as a hash.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock::Millis;

/// The scheme of the `Authorization` header.
const SCHEME: &str = "ApiKey ";

/// What every plugin key starts with, so that a leaked one can be recognised by scanners.
const PREFIX: &str = "hfk_";

/// What a record stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// A key that the store has.
    #[default]
    Stored,
    /// A signed token, which no store has.
    Token,
    /// Nothing: whoever shows this id is refused, with whichever token.
    Barred,
}

impl KeyKind {
    fn is_stored(&self) -> bool {
        *self == Self::Stored
    }
}

/// A plugin key as the store keeps it: without the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Names the key in lists and logs; part of the key itself.
    pub id: Arc<str>,
    /// The one channel that it opens.
    pub channel: String,
    /// The namespaces in which it does.
    pub namespaces: Vec<String>,
    /// When it was issued.
    pub created_at: Millis,
    /// When it ends, if it does.
    pub expires_at: Option<Millis>,
    /// Sockets that it may have on one node, where that is fewer than the server allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_sockets: Option<u32>,
    /// The key gets what is due from this moment on; all that is live where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
    /// Whether it only watches: it sees messages, and settles and counts nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watch: bool,
    /// The id under which its receipts are kept, where it has replaced another key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts_of: Option<Arc<str>>,
    /// SHA-256 of the whole key. Nothing has that of a token or of a barred id, which is zero.
    pub hash: [u8; 32],
    /// What it stands for.
    #[serde(default, skip_serializing_if = "KeyKind::is_stored")]
    pub kind: KeyKind,
}

/// How a key was used last, and first. Times are the store's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// When a socket joined with it first.
    pub first_at: Millis,
    /// When one did last.
    pub joined_at: Millis,
    /// When the last of a node's sockets left; none since one joined.
    pub left_at: Option<Millis>,
    /// The node.
    pub node: Arc<str>,
    /// The namespace.
    pub namespace: String,
    /// Where the client is, and what it speaks.
    #[serde(flatten)]
    pub client: ClientInfo,
}

impl KeyUse {
    /// Whether this is the end of an earlier connection than the one that `last` says is there: a
    /// client may open its next connection before it leaves.
    #[must_use]
    pub fn is_over_before(&self, last: &Self) -> bool {
        self.left_at.is_some() && last.left_at.is_none() && last.joined_at > self.joined_at
    }
}

/// Where a client is, and what it speaks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// The network of its address: a /24, or a /48.
    pub network: String,
    /// `polling` or `websocket`.
    pub transport: String,
    /// The version of the Socket.IO protocol.
    pub protocol: String,
}

impl KeyRecord {
    /// Issues a key. Returns what the store keeps, and the key itself, which is told once.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn issue(
        channel: String,
        namespaces: Vec<String>,
        created_at: Millis,
        expires_at: Option<Millis>,
    ) -> Result<(Self, String), getrandom::Error> {
        let record = Self::without_id(channel, namespaces, created_at, expires_at);
        record.reissued(&ulid::Ulid::generate().to_string())
    }

    /// A record that nothing opens, until it is given an id.
    #[must_use]
    pub fn without_id(
        channel: String,
        namespaces: Vec<String>,
        created_at: Millis,
        expires_at: Option<Millis>,
    ) -> Self {
        Self {
            id: "".into(),
            channel,
            namespaces,
            created_at,
            expires_at,
            max_sockets: None,
            since: None,
            watch: false,
            receipts_of: None,
            hash: [0; 32],
            kind: KeyKind::Stored,
        }
    }

    /// Gives the record another id, and a secret that nobody knows. Returns the key that opens it
    /// then.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn reissued(self, id: &str) -> Result<(Self, String), getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(self.renamed(id, secret))
    }

    /// A record that bars an id until `end`: no token with it opens anything.
    #[must_use]
    pub fn barring(id: &str, now: Millis, end: Millis) -> Self {
        Self {
            id: id.into(),
            kind: KeyKind::Barred,
            ..Self::without_id(String::new(), Vec::new(), now, Some(end))
        }
    }

    /// Gives the record another id and secret. Returns the key that opens it then.
    #[must_use]
    pub fn renamed(self, id: &str, secret: [u8; 32]) -> (Self, String) {
        let key = key(id, secret);
        let record = Self {
            id: id.into(),
            hash: sha256(&key),
            ..self
        };
        (record, key)
    }

    /// The id under which its receipts are kept.
    #[must_use]
    pub fn reader(&self) -> &Arc<str> {
        self.receipts_of.as_ref().unwrap_or(&self.id)
    }

    /// Whether it gets what is due at this moment.
    #[must_use]
    pub fn gets(&self, due: Millis) -> bool {
        self.since.is_none_or(|since| since <= due)
    }

    /// Whether it is past its end.
    #[must_use]
    pub fn has_expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether `key` is this one, and not past its end.
    #[must_use]
    pub fn opens(&self, key: &str, now: Millis) -> bool {
        self.kind == KeyKind::Stored
            && bool::from(self.hash.ct_eq(&sha256(key)))
            && !self.has_expired(now)
    }

    /// Whether it is a signed token.
    #[must_use]
    pub fn is_token(&self) -> bool {
        self.kind == KeyKind::Token
    }

    /// Whether it is revoked, where the store has `found` under its id.
    #[must_use]
    pub fn is_revoked_by(&self, found: Option<&Self>) -> bool {
        match self.kind {
            KeyKind::Token => found.is_some_and(|found| found.kind == KeyKind::Barred),
            KeyKind::Stored | KeyKind::Barred => {
                found.is_none_or(|found| found.kind != KeyKind::Stored)
            }
        }
    }
}

fn key(id: &str, secret: [u8; 32]) -> String {
    format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret))
}

/// Whether a key may have this id: a ULID in capital letters.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let letters = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    text.len() == 26 && text.bytes().all(|b| letters.contains(&b))
}

/// The id inside a plugin key; none if `key` does not look like one.
#[must_use]
pub fn id_of(key: &str) -> Option<&str> {
    let (id, secret) = key.strip_prefix(PREFIX)?.split_once('_')?;
    (id.len() == 26 && id.bytes().all(|b| b.is_ascii_alphanumeric()) && secret.len() == 43)
        .then_some(id)
}

/// The key in the value of an `Authorization: ApiKey …` header.
#[must_use]
pub fn of_header(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(key.trim())
}

/// SHA-256 of `text`.
#[must_use]
pub fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// HMAC-SHA-256 of the parts, one behind the other.
pub(crate) fn hmac(key: &[u8; 32], parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> [u8; 32] {
    // A key of a block's length, as the construction fills shorter ones up.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part.as_ref());
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_keys_carry_their_id_and_end_on_time() {
        let end = Some(Millis(1000));
        let (record, key) = KeyRecord::issue("c".into(), vec!["n".into()], Millis(0), end).unwrap();
        assert_eq!(id_of(&key), Some(&*record.id));
        assert!(record.opens(&key, Millis(999)));
        assert!(!record.opens(&key, Millis(1000)));
        let (_, other) = KeyRecord::issue("c".into(), vec![], Millis(0), None).unwrap();
        assert!(!record.opens(&other, Millis(0)));
        for garbage in ["", "hfk_", "hfk_é_é", "Bearer x", &key[1..]] {
            assert_eq!(id_of(garbage), None);
        }
    }

    #[test]
    fn the_header_names_its_scheme() {
        assert_eq!(of_header("ApiKey abc"), Some("abc"));
        assert_eq!(of_header("apikey abc"), Some("abc"));
        for bad in ["abc", "Bearer abc", "ApiKeyabc", "", "é"] {
            assert_eq!(of_header(bad), None, "{bad}");
        }
    }
}
