//! `store: redis`: a Valkey of the stack's own on ElastiCache. What each size costs and holds is
//! AWS's matter.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, Setting, section};
use super::unit::{Number, inline_schema, parsed};
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::Node;

/// A node that holds the messages and keys that a server accepts at most (1 GiB) and no more.
const NODE_TYPE: &str = "cache.t4g.small";
/// One replica, in another zone, takes over when the primary fails.
const REPLICAS: u64 = 1;
/// Days of daily snapshots: plugin keys live in the store, and nobody can hand them out again.
const SNAPSHOT_DAYS: u64 = 7;

section! {
    /// A Valkey of the stack's own, on ElastiCache.
    Redis {
        /// The ElastiCache node type: `cache.t4g.small` unless given.
        node_type: Option<Setting<NodeType>>,
        /// Replicas beside the primary, in other zones: 1 unless given; without one nothing takes
        /// over when it fails.
        replicas: Option<Setting<Number<0, 5>>>,
        /// For how many days a daily snapshot is kept: 7 unless given; 0 makes none.
        snapshot_days: Option<Setting<Number<0, 35>>>,
    }
}

impl Redis {
    /// What holds where nothing is said.
    pub(super) fn unstated() -> Self {
        Self {
            node_type: None,
            replicas: None,
            snapshot_days: None,
        }
    }

    /// The parameters of the template; what is not stated comes from where the store as a whole was
    /// `chosen`.
    pub(super) fn parameters<T>(&self, chosen: &Setting<T>) -> Vec<(&'static str, Node)> {
        // A replication group counts its primary among its nodes.
        let nodes = |replicas: u64| (replicas + 1).to_string();
        vec![
            (
                "StoreNodeType",
                self.node_type.as_ref().map_or_else(
                    || chosen.node(|_| NODE_TYPE.to_owned()),
                    |given| given.node(|kind| kind.0.clone()),
                ),
            ),
            (
                "StoreNodes",
                self.replicas.as_ref().map_or_else(
                    || chosen.node(|_| nodes(REPLICAS)),
                    |given| given.node(|replicas| nodes(replicas.0)),
                ),
            ),
            (
                "StoreSnapshotDays",
                self.snapshot_days.as_ref().map_or_else(
                    || chosen.node(|_| SNAPSHOT_DAYS.to_string()),
                    |given| given.node(|days| days.0.to_string()),
                ),
            ),
        ]
    }
}

/// An ElastiCache node type, `cache.m7g.large` for instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeType(pub String);

impl FromNode for NodeType {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let expected = "an ElastiCache node type, `cache.t4g.small` for instance";
        parsed(node, expected, mistakes, |text| {
            let part = |part: &str| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            };
            let mut parts = text.split('.');
            let fits = parts.next() == Some("cache") && parts.clone().count() == 2;
            (fits && parts.all(part)).then(|| Self(text.to_owned()))
        })
    }
}

inline_schema!([] NodeType, "NodeType", json_schema!({ "type": "string", "pattern": "^cache\\.[a-z0-9-]+\\.[a-z0-9-]+$" }));
