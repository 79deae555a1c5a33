//! `store: redis`: a Valkey of the stack's own on ElastiCache. What each size costs and holds is
//! AWS's matter.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, Setting, section};
use super::unit::{Number, inline_schema, parsed};
use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::node::Node;

/// A node that holds the messages and keys that a server accepts at most (1 GiB) and no more.
const NODE_TYPE: &str = "cache.t4g.small";
/// One primary: more than one are a cluster.
const SHARDS: u64 = 1;
/// One replica, in another zone, takes over when the primary fails.
const REPLICAS: u64 = 1;
/// The most nodes that AWS gives one cluster, on request ("Working with shards", ElastiCache).
const MAX_NODES: u64 = 500;
/// Days of daily snapshots: plugin keys live in the store, and nobody can hand them out again.
const SNAPSHOT_DAYS: u64 = 7;

section! {
    /// A Valkey of the stack's own, on ElastiCache.
    Redis {
        /// The ElastiCache node type: `cache.t4g.small` unless given.
        node_type: Option<Setting<NodeType>>,
        /// Primaries that divide the channels among them: 1 unless given; more make a cluster. A
        /// Valkey that is there with one gets no more, and one with several keeps two at least.
        shards: Option<Setting<Number<1, 90>>>,
        /// Replicas beside each primary, in other zones: 1 unless given; without one nothing takes
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
            shards: None,
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
                "StoreShards",
                self.shards.as_ref().map_or_else(
                    || chosen.node(|_| SHARDS.to_string()),
                    |given| given.node(|shards| shards.0.to_string()),
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

    /// Mistakes that no single value shows.
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        let Some(shards) = &self.shards else { return };
        let replicas = self
            .replicas
            .as_ref()
            .map_or(REPLICAS, |given| given.value.0);
        let nodes = shards.value.0 * (replicas + 1);
        if nodes > MAX_NODES {
            mistakes.push(Mistake {
                message: format!(
                    "{} shards with {replicas} replicas each are {nodes} nodes, and AWS gives one \
                     cluster {MAX_NODES} at most",
                    shards.value.0
                ),
                place: shards.origin.first().cloned(),
                help: Some("lower `shards` or `replicas`".to_owned()),
            });
        }
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
