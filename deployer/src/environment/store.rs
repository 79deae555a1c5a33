//! `store:`, where messages are kept.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, Setting, entries, entry, refused, wrong};
use super::redis::Redis;
use super::text::Text;
use super::unit::Number;
use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::node::Node;
use timeouts::grammar::{RedisMode, RedisUrl};

/// The port of a primary that sentinels know, unless `primary_port` says another: Redis's own.
const PRIMARY_PORT: u64 = 6379;

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
        /// The port of the primary, where the URL leads to sentinels.
        primary_port: Option<Setting<Port>>,
        /// The Secrets Manager secret with `username` and `password`.
        credentials: Option<Setting<Text>>,
    },
}

/// A TCP port.
type Port = Number<1, 65_535>;

/// `rediss://host:port`, a cluster's `rediss+cluster://host:port`, sentinels'
/// `rediss+sentinel://host:port,…/name`, or the same with `redis` without TLS; never with a
/// password, since many can read a task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUrl(pub String);

impl StoreUrl {
    /// The port that a task must reach: Redis's own, or Sentinel's, unless the URL says another.
    #[must_use]
    pub fn port(&self) -> u16 {
        RedisUrl::parse(&self.0).map_or(0, |url| url.port)
    }

    /// Whether it leads to sentinels, which know where the primary is.
    #[must_use]
    pub fn has_sentinels(&self) -> bool {
        let url = RedisUrl::parse(&self.0);
        url.is_ok_and(|url| matches!(url.mode(), RedisMode::Sentinel { .. }))
    }

    /// A port other than that of the first host, if a host has one.
    fn other_port(&self) -> Option<u16> {
        let url = RedisUrl::parse(&self.0).ok()?;
        let mut ports = url.hosts().map(|(_, port)| port);
        ports.find(|port| *port != url.port)
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
        const KEYS: [&str; 5] = ["redis", "url", "primary_port", "credentials", "file"];
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
        let map = entries(node, &KEYS, mistakes)?;
        let redis = entry::<Option<Redis>>(map, "redis", node, mistakes);
        let file = entry::<Option<Setting<Text>>>(map, "file", node, mistakes);
        let url = entry::<Option<Setting<StoreUrl>>>(map, "url", node, mistakes);
        let primary_port = entry::<Option<Setting<Port>>>(map, "primary_port", node, mistakes);
        let credentials = entry::<Option<Setting<Text>>>(map, "credentials", node, mistakes);
        match (redis?, file?, url?, primary_port?, credentials?) {
            (Some(redis), None, None, None, None) => Some(Self::Redis(redis)),
            (None, Some(directory), None, None, None) => Some(Self::File(directory)),
            (None, None, Some(url), primary_port, credentials) => Some(Self::Url {
                url,
                primary_port,
                credentials,
            }),
            _ => {
                mistakes.push(wrong(node, FORMS));
                None
            }
        }
    }
}

impl Store {
    /// Mistakes that no single value shows.
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        match self {
            Self::Redis(redis) => redis.check(mistakes),
            Self::Url {
                url, primary_port, ..
            } => {
                if let Some(port) = url.value.other_port() {
                    mistakes.push(Mistake {
                        message: format!(
                            "the hosts have several ports, {} and {port}, and tasks are let out to \
                             one",
                            url.value.port()
                        ),
                        place: url.origin.first().cloned(),
                        help: Some("let all listen on one port, or name those of one".to_owned()),
                    });
                }
                if let Some(port) = primary_port.as_ref().filter(|_| !url.value.has_sentinels()) {
                    mistakes.push(Mistake {
                        message: "`primary_port` is for a URL of sentinels".to_owned(),
                        place: port.origin.first().cloned(),
                        help: Some("leave it out; the URL has the port".to_owned()),
                    });
                }
            }
            Self::Memory | Self::File(_) => {}
        }
    }

    /// The port of the primary that sentinels know.
    pub(super) fn primary_port(&self) -> Option<Node> {
        let Self::Url {
            url, primary_port, ..
        } = self
        else {
            return None;
        };
        let stated = primary_port.as_ref();
        let stated = stated.map(|port| port.node(|port| port.0.to_string()));
        let unstated = || url.node(|_| PRIMARY_PORT.to_string());
        let has_sentinels = url.value.has_sentinels();
        has_sentinels.then(|| stated.unwrap_or_else(unstated))
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
                "url": { "type": "string", "pattern": "^rediss?(\\+cluster|\\+sentinel)?://",
                    "description": "A Redis or Valkey that is there already: one primary, a cluster \
                    (`rediss+cluster://…`) or sentinels (`rediss+sentinel://…/NAME`)." },
                "primary_port": { "type": "integer", "minimum": 1, "maximum": 65535,
                    "description": "The port of the primary that the sentinels know: 6379 unless \
                    given." },
                "credentials": { "type": "string", "description": "The ARN of a secret with \
                    username and password." } } },
        ] })
    }

    // A reference would hide the setting's own description.
    fn inline_schema() -> bool {
        true
    }
}
