//! `store:`, where messages are kept.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, entries, entry, wrong};
use super::text::Text;
use super::unit::inline_schema;
use crate::diagnostic::{Mistake, Mistakes};
use crate::node::Node;

/// Where messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In the process: gone when it ends, and seen by no other task.
    Memory,
    /// In a directory of the task.
    File(String),
    /// In a Redis or Valkey that is there already.
    Url {
        /// `rediss://host:port`, or `redis://…` without TLS.
        url: String,
        /// The Secrets Manager secret with `username` and `password`.
        credentials: Option<String>,
    },
}

impl Store {
    /// As the server's `STORE` takes it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Memory => "memory".to_owned(),
            Self::File(directory) => format!("file:{directory}"),
            Self::Url { url, .. } => url.clone(),
        }
    }

    /// The port that a task must reach, where the store is elsewhere.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        let Self::Url { url, .. } = self else {
            return None;
        };
        let authority = url.split_once("://")?.1.split(['/', '?']).next()?;
        let port = authority
            .rsplit_once(':')
            .filter(|(_, port)| !port.contains(']'));
        // Redis's port, with TLS or without.
        Some(port.and_then(|(_, port)| port.parse().ok()).unwrap_or(6379))
    }
}

impl FromNode for Store {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        const EXPECTED: &str = "`memory`, `{ file: DIR }` or `{ url: rediss://… }`";
        if node.as_text() == Some("memory") {
            return Some(Self::Memory);
        }
        if node.as_map().is_none() {
            mistakes.push(wrong(node, EXPECTED));
            return None;
        }
        let map = entries(node, &["file", "url", "credentials", "redis"], mistakes)?;
        if let Some(redis) = map.get("redis") {
            let message = "`redis`: a Redis of the stack's own cannot be made yet";
            mistakes.push(
                Mistake::at(&redis.key, message)
                    .help("give the URL of one that is there: `{ url: rediss://… }`"),
            );
            return None;
        }
        let [file, url, credentials] = ["file", "url", "credentials"]
            .map(|key| entry::<Option<Text>>(map, key, node, mistakes));
        match (file?, url?, credentials?) {
            (Some(Text(directory)), None, None) => Some(Self::File(directory)),
            (None, Some(Text(url)), credentials) => {
                let credentials = credentials.map(|Text(text)| text);
                is_store_url(
                    &url,
                    map.get("url").map_or(node, |entry| &entry.node),
                    mistakes,
                )
                .then_some(Self::Url { url, credentials })
            }
            _ => {
                mistakes.push(wrong(node, EXPECTED));
                None
            }
        }
    }
}

/// A URL that the server takes, without a password: the template and its task definition are read by many.
fn is_store_url(url: &str, node: &Node, mistakes: &mut Mistakes) -> bool {
    let Some(rest) = url
        .strip_prefix("rediss://")
        .or_else(|| url.strip_prefix("redis://"))
    else {
        mistakes.push(wrong(
            node,
            "a URL that begins with `rediss://` or `redis://`",
        ));
        return false;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        let place = node.place().cloned();
        let message =
            "a user name or password in the store's URL would be readable in the task definition"
                .to_owned();
        let help =
            "put them into a secret with `username` and `password`, and its ARN into `credentials`"
                .to_owned();
        mistakes.push(Mistake {
            message,
            place,
            help: Some(help),
        });
        return false;
    }
    if authority.is_empty() {
        mistakes.push(wrong(
            node,
            "a URL with a host, `rediss://cache.example.com:6379` for instance",
        ));
    }
    !authority.is_empty()
}

inline_schema!([] Store, "Store", json_schema!({ "anyOf": [
    { "const": "memory" },
    { "type": "object", "additionalProperties": false, "required": ["file"], "properties": {
        "file": { "type": "string", "description": "A directory of the task." } } },
    { "type": "object", "additionalProperties": false, "required": ["url"], "properties": {
        "url": { "type": "string", "pattern": "^rediss?://", "description": "A Redis or Valkey that is there already." },
        "credentials": { "type": "string", "description": "The ARN of a secret with username and password." } } },
] }));
