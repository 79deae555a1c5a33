//! Signed tokens (JWT), which stand for a plugin's key without a call to issue it. Whoever has a
//! private key of the set signs them; the server holds the set and checks them as clients join.

mod key_set;
mod source;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;

use crate::clock::Millis;
use crate::keys::{KeyKind, KeyRecord};
use crate::names;

use key_set::KeySet;
pub use source::{Source, watch};

/// How far ahead a token may end: an id stays barred as long, and then no token of it is left.
pub const LONGEST: i64 = 30 * 86_400_000;
/// How far the signer's clock may be ahead of the store's, in milliseconds.
const CLOCK_AHEAD: i64 = 60_000;
/// Namespaces that one token may open.
const MOST_NAMESPACES: usize = 64;

/// What a token says. Times are in seconds since the Unix epoch.
#[derive(Deserialize)]
struct Claims {
    /// The key's id.
    sub: String,
    channel: String,
    namespaces: Vec<String>,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    max_sockets: Option<u32>,
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No key of the set has signed it, or it is none.
    #[error("This token is not signed by a key of the key set")]
    Signature,
    /// Claims are missing, or say what they may not.
    #[error("This token lacks a claim, or has a wrong one: sub, channel, namespaces and exp")]
    Claims,
    /// It has ended.
    #[error("This token has expired")]
    Expired,
    /// It begins later.
    #[error("This token is not valid yet")]
    Early,
    /// It ends too late.
    #[error("This token ends more than 30 days from now")]
    Long,
}

/// The keys by which tokens are judged; clones share what is replaced.
#[derive(Clone)]
pub struct TokenKeys {
    source: Source,
    /// None until they have been read.
    set: Arc<RwLock<Option<KeySet>>>,
}

impl TokenKeys {
    /// Keys from this source. Those of a URL are read later, by [`watch`].
    ///
    /// # Errors
    /// When they can be read now and are none.
    pub fn new(source: Source) -> Result<Self, String> {
        let text = match &source {
            Source::Text(text) => Some(text.clone()),
            Source::File(file) => {
                let read = std::fs::read_to_string(file);
                Some(read.map_err(|error| format!("{}: {error}", file.display()))?)
            }
            Source::Url(_) => None,
        };
        let set = text.map(|text| KeySet::parse(&text)).transpose()?;
        Ok(Self {
            source,
            set: Arc::new(RwLock::new(set)),
        })
    }

    /// Whether this has the form of a token.
    #[must_use]
    pub fn is_token(text: &str) -> bool {
        text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// The record that a token stands for; none as long as no keys have been read.
    ///
    /// # Errors
    /// Why it opens nothing.
    pub fn read(&self, token: &str, now: Millis) -> Option<Result<KeyRecord, Refused>> {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        let claims = set.as_ref()?.verify(token);
        Some(claims.and_then(|claims| record(claims, now)))
    }

    /// Puts other keys in the place of those there are; returns how many.
    fn replace(&self, text: &str) -> Result<usize, String> {
        let set = KeySet::parse(text)?;
        let count = set.len();
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Some(set);
        Ok(count)
    }

    fn are_read(&self) -> bool {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        set.is_some()
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token keys from {}", self.source)
    }
}

fn record(claims: Claims, now: Millis) -> Result<KeyRecord, Refused> {
    let millis = |seconds: f64| Millis((seconds * 1000.0) as i64);
    let opens = &claims.namespaces;
    let well_named = names::is_name(&claims.sub)
        && names::is_name(&claims.channel)
        && (1..=MOST_NAMESPACES).contains(&opens.len())
        && opens.iter().all(|name| names::is_name(name));
    if !well_named || claims.max_sockets == Some(0) {
        return Err(Refused::Claims);
    }
    let end = millis(claims.exp);
    if end <= now {
        return Err(Refused::Expired);
    }
    if end.0 > now.0 + LONGEST {
        return Err(Refused::Long);
    }
    if claims
        .nbf
        .is_some_and(|from| millis(from).0 > now.0 + CLOCK_AHEAD)
    {
        return Err(Refused::Early);
    }
    Ok(KeyRecord {
        id: claims.sub.into(),
        channel: claims.channel,
        namespaces: claims.namespaces,
        created_at: claims.iat.map_or(now, millis),
        expires_at: Some(end),
        max_sockets: claims.max_sockets,
        // The next token of the id goes on where this one ends.
        since: None,
        watch: false,
        receipts_of: None,
        hash: [0; 32],
        kind: KeyKind::Token,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: f64) -> Claims {
        Claims {
            sub: "plugin-1".into(),
            channel: "c".into(),
            namespaces: vec!["n".into()],
            exp,
            nbf: None,
            iat: Some(1.0),
            max_sockets: Some(2),
        }
    }

    #[test]
    fn claims_become_a_record() {
        let record = record(claims(10.5), Millis(10_000)).unwrap();
        assert_eq!(&*record.id, "plugin-1");
        assert_eq!(record.expires_at, Some(Millis(10_500)));
        assert_eq!(record.created_at, Millis(1000));
        assert_eq!(record.max_sockets, Some(2));
        assert!(!record.opens("", Millis(0)), "no stored key is like it");
    }

    #[test]
    fn claims_are_refused_by_what_is_wrong() {
        let now = Millis(10_000);
        let (month, day) = (LONGEST as f64 / 1000.0, 86_400.0);
        for (wrong, why) in [
            (claims(10.0), Refused::Expired),
            (claims(f64::NAN), Refused::Expired),
            (claims(f64::INFINITY), Refused::Long),
            (claims(11.0 + month), Refused::Long),
            (
                Claims {
                    nbf: Some(71.0),
                    ..claims(day)
                },
                Refused::Early,
            ),
            (
                Claims {
                    sub: "a b".into(),
                    ..claims(day)
                },
                Refused::Claims,
            ),
            (
                Claims {
                    channel: String::new(),
                    ..claims(day)
                },
                Refused::Claims,
            ),
            (
                Claims {
                    namespaces: Vec::new(),
                    ..claims(day)
                },
                Refused::Claims,
            ),
            (
                Claims {
                    max_sockets: Some(0),
                    ..claims(day)
                },
                Refused::Claims,
            ),
        ] {
            assert_eq!(record(wrong, now).unwrap_err(), why);
        }
        let early = Claims {
            nbf: Some(69.0),
            ..claims(day)
        };
        assert!(record(early, now).is_ok(), "clocks differ");
    }

    #[test]
    fn a_token_has_its_form() {
        assert!(TokenKeys::is_token("eyJhbGciOiJFZERTQSJ9.e30.c2ln"));
        for other in ["hfk_01K0ZQ4M9V3D5T7W8X2Y6B1C4E_x", "eyJ.a", "a.b.c", ""] {
            assert!(!TokenKeys::is_token(other), "{other}");
        }
    }
}
