//! `store:`, where messages are kept.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, Setting, entries, entry, refused, wrong};
use super::redis::Redis;
use super::text::Text;
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::Node;
use timeouts::grammar::RedisUrl;

/// Where messages are kept.
#[derive(Clone, Debug)]
pub enum Store {
    /// In the process: gone when it ends, and seen by no other task.
    Memory,
    /// In a directory of the task.
    File(Setting<Text>),
    /// In a Valkey that the stack makes, which all tasks share.
    Redis(Redis),
    /// In a Redis or Valkey that is there already.
    Url {
        /// Where it is.
        url: Setting<StoreUrl>,
        /// The Secrets Manager secret with `username` and `password`.
        credentials: Option<Setting<Text>>,
    },
}

/// `rediss://host:port`, or `redis://…` without TLS; never with a password, since many can read a
/// task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUrl(pub String);

impl StoreUrl {
    /// The port that a task must reach: Redis's own unless the URL says another.
    #[must_use]
    pub fn port(&self) -> u16 {
        RedisUrl::parse(&self.0).map_or(0, |url| url.port)
    }
}

impl FromNode for StoreUrl {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match RedisUrl::parse(node.as_text().unwrap_or_default()) {
            Ok(url) => Some(Self(url.url.to_owned())),
            Err(expected) => {
                let mistake = refused(node, &expected);
                let help = "put them into a secret with `username` and `password`, and its ARN \
                            into `credentials`";
                mistakes.push(match expected.contains("credentials") {
                    true => mistake.help(help),
                    false => mistake,
                });
                None
            }
        }
    }
}

impl FromNode for Store {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        const FORMS: &str = "`memory`, `redis`, `{ redis: { node_type: … } }`, `{ url: rediss://… \
                             }` or `{ file: DIR }`";
        match node.as_text() {
            Some("memory") => return Some(Self::Memory),
            Some("redis") => return Some(Self::Redis(Redis::unstated())),
            _ => {}
        }
        if node.as_map().is_none() {
            mistakes.push(wrong(node, FORMS));
            return None;
        }
        let map = entries(node, &["redis", "url", "credentials", "file"], mistakes)?;
        let redis = entry::<Option<Redis>>(map, "redis", node, mistakes);
        let file = entry::<Option<Setting<Text>>>(map, "file", node, mistakes);
        let url = entry::<Option<Setting<StoreUrl>>>(map, "url", node, mistakes);
        let credentials = entry::<Option<Setting<Text>>>(map, "credentials", node, mistakes);
        match (redis?, file?, url?, credentials?) {
            (Some(redis), None, None, None) => Some(Self::Redis(redis)),
            (None, Some(directory), None, None) => Some(Self::File(directory)),
            (None, None, Some(url), credentials) => Some(Self::Url { url, credentials }),
            _ => {
                mistakes.push(wrong(node, FORMS));
                None
            }
        }
    }
}

impl JsonSchema for Store {
    fn schema_name() -> Cow<'static, str> {
        "Store".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let redis = Redis::json_schema(generator);
        json_schema!({ "anyOf": [
            { "const": "memory" },
            { "const": "redis" },
            { "type": "object", "additionalProperties": false, "required": ["redis"], "properties": { "redis": redis } },
            { "type": "object", "additionalProperties": false, "required": ["file"], "properties": {
                "file": { "type": "string", "description": "A directory of the task." } } },
            { "type": "object", "additionalProperties": false, "required": ["url"], "properties": {
                "url": { "type": "string", "pattern": "^rediss?://", "description": "A Redis or \
                    Valkey that is there already." },
                "credentials": { "type": "string", "description": "The ARN of a secret with \
                    username and password." } } },
        ] })
    }

    // A reference would hide the setting's own description.
    fn inline_schema() -> bool {
        true
    }
}
