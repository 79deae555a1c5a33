//! A key as backends see it.

use serde::Serialize;

use crate::admission::KeyUse;
use crate::clock::Millis;
use crate::keys::KeyRecord;

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
            ..
        } = record;
        Self {
            id: id.to_string(),
            channel,
            namespaces,
            created_at,
            expires_at,
            max_sockets,
            key,
        }
    }
}

/// A key with its use.
#[derive(Serialize)]
pub(super) struct KeyDetail {
    #[serde(flatten)]
    key: KeyView,
    usage: Usage,
}

/// What one node knows of a key's use, since it started.
#[derive(Serialize)]
struct Usage {
    node: String,
    sockets: u32,
    networks: Vec<Network>,
    first_used_at: Option<Millis>,
    last_used_at: Option<Millis>,
}

/// Sockets by the network that they come from: a /24, or a /48.
#[derive(Serialize)]
struct Network {
    network: String,
    sockets: u32,
}

impl KeyDetail {
    pub(super) fn new(record: KeyRecord, used: KeyUse, node: &str) -> Self {
        let network = |(network, sockets)| Network { network, sockets };
        Self {
            key: KeyView::new(record, None),
            usage: Usage {
                node: node.to_owned(),
                sockets: used.sockets,
                networks: used.networks.into_iter().map(network).collect(),
                first_used_at: used.first,
                last_used_at: used.last,
            },
        }
    }
}
