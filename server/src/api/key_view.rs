//! A key as backends see it.

use std::sync::Arc;

use serde::Serialize;

use crate::admission::KeyUse as KeysHere;
use crate::clock::Millis;
use crate::keys::{ClientInfo, KeyRecord, KeyUse};

/// A key; the key itself only in the answer that issues it.
#[derive(Serialize)]
pub(super) struct KeyView {
    id: String,
    channel: String,
    namespaces: Vec<String>,
    created_at: Millis,
    expires_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_sockets: Option<u32>,
    /// It gets what is due from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Millis>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    watch: bool,
    /// The key whose receipts it keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipts_of: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl KeyView {
    pub(super) fn new(record: KeyRecord, key: Option<String>) -> Self {
        let KeyRecord {
            id,
            channel,
            namespaces,
            created_at,
            expires_at,
            max_sockets,
            since,
            watch,
            receipts_of,
            ..
        } = record;
        Self {
            id: id.to_string(),
            channel,
            namespaces,
            created_at,
            expires_at,
            max_sockets,
            since,
            watch,
            receipts_of,
            key,
        }
    }
}

/// A key with its use on all nodes.
#[derive(Serialize)]
pub(super) struct KeyWithUsage {
    #[serde(flatten)]
    key: KeyView,
    usage: Usage,
}

/// How a key is used, and was used last.
#[derive(Serialize)]
struct Usage {
    /// Sockets in namespaces, on all nodes.
    sockets: u32,
    nodes: Vec<NodeSockets>,
    first_used_at: Option<Millis>,
    last_used_at: Option<Millis>,
    /// Where the last client came from, and what it spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<LastUse>,
}

#[derive(Serialize)]
struct NodeSockets {
    node: String,
    sockets: u32,
}

#[derive(Serialize)]
struct LastUse {
    node: Arc<str>,
    namespace: String,
    #[serde(flatten)]
    client: ClientInfo,
    joined_at: Millis,
    left_at: Option<Millis>,
}

impl KeyWithUsage {
    pub(super) fn new(record: KeyRecord, used: Option<KeyUse>, places: Vec<(String, u32)>) -> Self {
        let at = |used: &KeyUse| used.left_at.unwrap_or(used.joined_at);
        let nodes = places.into_iter();
        Self {
            key: KeyView::new(record, None),
            usage: Usage {
                first_used_at: used.as_ref().map(|used| used.first_at),
                last_used_at: used.as_ref().map(at),
                last: used.map(|used| LastUse {
                    node: used.node,
                    namespace: used.namespace,
                    client: used.client,
                    joined_at: used.joined_at,
                    left_at: used.left_at,
                }),
                nodes: nodes
                    .map(|(node, sockets)| NodeSockets { node, sockets })
                    .collect(),
                sockets: 0,
            }
            .counted(),
        }
    }
}

impl Usage {
    fn counted(self) -> Self {
        let sockets = self.nodes.iter().map(|node| node.sockets).sum();
        Self { sockets, ..self }
    }
}

/// A key with its use, and what the node that answers knows of it.
#[derive(Serialize)]
pub(super) struct KeyDetail {
    #[serde(flatten)]
    key: KeyWithUsage,
    here: Here,
}

/// Where a key's sockets on one node come from.
#[derive(Serialize)]
struct Here {
    node: String,
    networks: Vec<Network>,
}

/// Sockets by the network that they come from: a /24, or a /48.
#[derive(Serialize)]
struct Network {
    network: String,
    sockets: u32,
}

impl KeyDetail {
    pub(super) fn new(key: KeyWithUsage, used: KeysHere, node: &str) -> Self {
        let network = |(network, sockets)| Network { network, sockets };
        Self {
            key,
            here: Here {
                node: node.to_owned(),
                networks: used.networks.into_iter().map(network).collect(),
            },
        }
    }
}
