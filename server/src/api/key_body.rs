//! A request for a key: what may stand in it, and the key that comes of it.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::body::{Whole, add_missing};
use crate::backends::Backend;
use crate::clock::Millis;
use crate::keys::{self, KeyRecord};
use crate::names;
use crate::problem::{FieldError, Problem};

/// What `max_sockets` may be.
const MOST_SOCKETS: u64 = 10_000;
/// What `ttl` may be: ten years in milliseconds.
const LONGEST: u64 = 10 * 366 * 86_400_000;
/// How much earlier than its issue the messages of a key begin, in milliseconds: who issues a key
/// on one node and publishes on another meets two clocks.
const CLOCKS: i64 = 1000;
/// Keeps secrets that are derived here apart from anything else made of a backend key.
const PURPOSE: &[u8] = b"holdfast plugin key 2\0";
const PURPOSE_OF_BODY: &[u8] = b"holdfast plugin key\0";

/// The body of `POST /v1/keys`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBody {
    id: Option<String>,
    channel: Option<String>,
    namespaces: Option<Vec<String>>,
    expires_at: Option<Millis>,
    ttl: Option<Whole>,
    max_sockets: Option<Whole>,
    since: Option<Millis>,
    watch: Option<bool>,
    replaces: Option<String>,
}

/// The fields that make a key the same. Its end is none of them: the same key is asked for with a
/// later one.
#[derive(Serialize)]
struct Same<'a> {
    id: &'a str,
    channel: &'a str,
    namespaces: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watch: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<&'a str>,
}

/// Those of release 0.1, in which a key with another end was another key.
#[derive(Serialize)]
struct SameBody<'a> {
    #[serde(flatten)]
    same: Same<'a>,
    expires_at: Option<Millis>,
    ttl: Option<u64>,
    max_sockets: Option<u64>,
}

/// What comes of a body.
pub(super) struct Asked {
    /// What the store keeps.
    pub(super) record: KeyRecord,
    /// The key itself.
    pub(super) key: String,
    /// The same as release 0.1 has issued it, where the body has an `id`.
    pub(super) earlier: Option<(KeyRecord, String)>,
}

impl KeyBody {
    /// Whether a key can be made of it; `errors` are those that it was read with.
    pub(super) fn check(
        &self,
        known: &[String],
        backend: &Backend,
        now: Millis,
        mut errors: Vec<FieldError>,
    ) -> Result<(), Problem> {
        let mut wrong = |field: &str, detail: String| errors.push(FieldError::new(field, detail));
        if self.id.as_deref().is_some_and(|id| !keys::is_id(id)) {
            wrong("id", "must be a ULID in capital letters".into());
        }
        match &self.channel {
            None => add_missing(&mut errors, "channel"),
            Some(channel) if !names::is_name(channel) => {
                wrong("channel", names::EXPECTED.into());
            }
            Some(_) => {}
        }
        match &self.namespaces {
            None => add_missing(&mut errors, "namespaces"),
            Some(named) => errors.extend(namespace_mistakes(named, known, backend)),
        }
        let mut wrong = |field: &str, detail: String| errors.push(FieldError::new(field, detail));
        if self.expires_at.is_some_and(|end| end <= now) {
            wrong("expires_at", "must be later than now".into());
        }
        match &self.ttl {
            Some(_) if self.expires_at.is_some() => {
                wrong("ttl", "contradicts expires_at; send one of them".into());
            }
            Some(Whole(ttl)) if !(1..=LONGEST).contains(ttl) => {
                wrong("ttl", format!("must be from 1 to {LONGEST} ms"));
            }
            _ => {}
        }
        if self
            .max_sockets
            .is_some_and(|Whole(most)| !(1..=MOST_SOCKETS).contains(&most))
        {
            wrong("max_sockets", format!("must be from 1 to {MOST_SOCKETS}"));
        }
        if self.replaces.as_deref().is_some_and(|id| !keys::is_id(id)) {
            wrong("replaces", "must be the id of a key".into());
        }
        if self.replaces.is_some() && self.watch == Some(true) {
            wrong(
                "watch",
                "a key that only watches has no receipts to keep".into(),
            );
        }
        match errors.is_empty() {
            true => Ok(()),
            false => Err(Problem::invalid(errors)),
        }
    }

    /// The id of the key that this one replaces.
    pub(super) fn replaces(&self) -> Option<&str> {
        self.replaces.as_deref()
    }

    /// Whether it says from which moment on the key gets messages.
    pub(super) fn says_since(&self) -> bool {
        self.since.is_some()
    }

    /// The channel that the key is to open.
    pub(super) fn channel(&self) -> &str {
        self.channel.as_deref().unwrap_or_default()
    }

    /// Whether it says which id the key is to have.
    pub(super) fn says_id(&self) -> bool {
        self.id.is_some()
    }

    /// The key. With an `id` its secret follows from the body and the backend's own key, so that
    /// who has lost the answer gets it again; nothing that could tell it is stored. Without one it
    /// has `new_id`.
    pub(super) fn issue(
        &self,
        backend_key: &str,
        new_id: &str,
        now: Millis,
    ) -> Result<Asked, Problem> {
        let secrets = match &self.id {
            Some(id) => Some((id.clone(), self.secrets(id, backend_key)?)),
            None => None,
        };
        let end = self
            .ttl
            .map(|Whole(ttl)| Millis(now.0.saturating_add_unsigned(ttl)));
        let end = self.expires_at.or(end);
        let namespaces = self.namespaces.clone().unwrap_or_default();
        let record = KeyRecord {
            // Checked: it fits.
            max_sockets: self.max_sockets.map(|Whole(most)| most as u32),
            since: Some(self.since.unwrap_or(Millis(now.0 - CLOCKS))),
            watch: self.watch.unwrap_or(false),
            ..KeyRecord::without_id(self.channel().to_owned(), namespaces, now, end)
        };
        let (earlier, (record, key)) = match secrets {
            Some((id, [secret, earlier])) => {
                let earlier = record.clone().renamed(&id, earlier);
                (Some(earlier), record.renamed(&id, secret))
            }
            None => (None, record.reissued(new_id)?),
        };
        Ok(Asked {
            record,
            key,
            earlier,
        })
    }

    /// The secret of the key with this id, and the one that release 0.1 would have given it.
    fn secrets(&self, id: &str, backend_key: &str) -> Result<[[u8; 32]; 2], Problem> {
        let same = || Same {
            id,
            channel: self.channel(),
            namespaces: self.namespaces.as_deref().unwrap_or_default(),
            since: self.since,
            watch: self.watch,
            replaces: self.replaces.as_deref(),
        };
        let same_body = SameBody {
            same: same(),
            expires_at: self.expires_at,
            ttl: self.ttl.map(|Whole(ttl)| ttl),
            max_sockets: self.max_sockets.map(|Whole(most)| most),
        };
        Ok([
            secret(PURPOSE, &same(), backend_key)?,
            secret(PURPOSE_OF_BODY, &same_body, backend_key)?,
        ])
    }
}

fn secret(purpose: &[u8], same: &impl Serialize, backend_key: &str) -> Result<[u8; 32], Problem> {
    let text = serde_json::to_vec(same)
        .map_err(|error| Problem::internal(format!("the body cannot be written: {error}")))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(backend_key.as_bytes())
        .map_err(|error| Problem::internal(format!("the backend key is no key: {error}")))?;
    mac.update(purpose);
    mac.update(&text);
    Ok(mac.finalize().into_bytes().into())
}

fn namespace_mistakes(named: &[String], known: &[String], backend: &Backend) -> Vec<FieldError> {
    if named.is_empty() {
        return vec![FieldError::new("namespaces", "must name at least one")];
    }
    let mistake = |(index, namespace): (usize, &String)| {
        let detail = if !known.contains(namespace) {
            format!("is not known; there are: {}", known.join(", "))
        } else if named[..index].contains(namespace) {
            "is named twice".into()
        } else if !backend.may_use(namespace) {
            "is not open to this backend key".into()
        } else {
            return None;
        };
        Some(FieldError::new(format!("namespaces[{index}]"), detail))
    };
    named.iter().enumerate().filter_map(mistake).collect()
}

/// The key that the backend has shown.
pub(super) fn backend_key(headers: &HeaderMap) -> String {
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let key = header.and_then(keys::of_header);
    key.unwrap_or_default().to_owned()
}
