//! How many connections each node holds against its limit, as the nodes themselves say it.
//!
//! The load balancer alone knows the nodes. Without a cookie each call goes to any of them, and
//! `x-node-id` says which one answered; so they are asked until all have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::aws::{Clients, StackState};
use crate::backend_keys::parse;
use crate::local::api::Api;

/// How long a node may take. One that is stopped takes for ever.
const WITHIN: Duration = Duration::from_secs(3);
/// Batches of calls: a balancer that draws lots leaves some nodes out of the first.
const BATCHES: usize = 4;
/// Calls of a batch at most.
const BATCH: usize = 100;
/// What a node calls its figures.
const OPEN: &str = "holdfast_connections";
const LIMIT: &str = "holdfast_connections_limit";

/// What is known of the nodes' connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Each node that answered, by its name.
    pub nodes: BTreeMap<String, Load>,
    /// Why it is not known of all, where it is not.
    pub unseen: Option<String>,
}

/// The connections of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Those that are open.
    pub open: u64,
    /// Those that it admits.
    pub limit: u64,
}

/// Where a stack's nodes are asked, and with what.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// The address of the backend's interface; the stack's own output unless given.
    pub url: Option<String>,
    /// A backend's key; from the stack's secret unless given.
    pub key: Option<String>,
}

impl Way {
    /// The way to a stack's nodes; why there is none, where there is none.
    ///
    /// # Errors
    /// The stack names no URL or secret, or the caller may not read the secret.
    pub async fn to(&self, clients: &Clients, stack: &StackState) -> Result<Api, String> {
        let output = |name: &str| stack.outputs.get(name).cloned();
        let url = self.url.clone();
        let url = url.or_else(|| stack.api_url().map(str::to_owned));
        let url = url.ok_or("the stack has no output Url; give --url")?;
        let backend_key = match &self.key {
            Some(key) => key.clone(),
            None => {
                let secret = output("BackendKeys");
                let secret = secret.ok_or(
                    "the stack has no output BackendKeys that names the secret; give \
                     --backend-key-file",
                )?;
                let text = clients.secret(&secret).await;
                let text = text.map_err(|error| format!("{error}; give --backend-key-file"))?;
                metrics_key(&text).ok_or_else(|| format!("the secret {secret} has no key"))?
            }
        };
        let address = url.parse().map_err(|error| format!("{url}: {error}"))?;
        Ok(Api {
            address,
            backend_key,
        })
    }
}

/// The key that may most likely read metrics: one without limits, or else the first.
fn metrics_key(text: &str) -> Option<String> {
    let mut keys = parse(text);
    let at = keys.iter().position(|key| key.limits().is_empty());
    (!keys.is_empty()).then(|| keys.swap_remove(at.unwrap_or(0)).key)
}

impl Connections {
    /// Nothing but why.
    #[must_use]
    pub fn unseen(why: String) -> Self {
        Self {
            unseen: Some(why),
            ..Self::default()
        }
    }

    /// Asks until each of the `known` nodes has answered, and no other one does.
    pub async fn ask(api: &Api, known: impl IntoIterator<Item = String>) -> Self {
        let mut asked = Self::default();
        let mut missing: BTreeSet<String> = known.into_iter().collect();
        for _ in 0..BATCHES {
            // At once: a node that is stopped must not keep the others waiting.
            let number = (asked.nodes.len() + missing.len() + 1).min(BATCH);
            let mut is_new = false;
            asked.unseen = None;
            for answer in join_all((0..number).map(|_| call(api))).await {
                match answer {
                    Ok((node, load)) => {
                        missing.remove(&node);
                        is_new |= asked.nodes.insert(node, load).is_none();
                    }
                    Err(why) => asked.unseen = Some(why),
                }
            }
            if asked.unseen.is_some() || (missing.is_empty() && !is_new) {
                break;
            }
        }
        if asked.unseen.is_none() && !missing.is_empty() {
            let missing: Vec<_> = missing.into_iter().collect();
            asked.unseen = Some(format!("no answer came from {}", missing.join(", ")));
        }
        asked
    }

    /// Asks each of these nodes at its own address.
    pub async fn of_each(nodes: impl IntoIterator<Item = Api>) -> Self {
        let mut asked = Self::default();
        let calls: Vec<_> = nodes.into_iter().collect();
        for answer in join_all(calls.iter().map(call)).await {
            match answer {
                Ok((node, load)) => drop(asked.nodes.insert(node, load)),
                Err(why) => asked.unseen = Some(why),
            }
        }
        asked
    }

    /// A line for each node, with this indentation; then why there are no more.
    #[must_use]
    pub fn text(&self, indent: &str) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for (node, load) in &self.nodes {
            let _ = writeln!(text, "{indent}{node:<14}{load}");
        }
        if let Some(why) = &self.unseen {
            let _ = writeln!(text, "{indent}not seen: {why}");
        }
        text
    }

    /// What is wrong, a line each.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let full = self.nodes.iter().filter(|(_, load)| load.is_full());
        full.map(|(node, load)| format!("{node} is full: it holds {load} and refuses more"))
            .collect()
    }

    /// As an object, each node with its figures.
    #[must_use]
    pub fn json(&self) -> Value {
        let nodes = self
            .nodes
            .iter()
            .map(|(node, load)| json!({ "node": node, "open": load.open, "limit": load.limit }));
        json!({ "nodes": nodes.collect::<Vec<_>>(), "unseen": self.unseen })
    }
}

impl Load {
    fn is_full(self) -> bool {
        self.limit > 0 && self.open >= self.limit
    }

    /// What a node's metrics say.
    fn read(page: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut lines = page.lines().filter_map(|line| line.strip_prefix(name));
            lines.find_map(|rest| rest.strip_prefix(' ')?.trim().parse().ok())
        };
        Some(Self {
            open: value(OPEN)?,
            limit: value(LIMIT)?,
        })
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} connections", self.open, self.limit)?;
        match (self.open * 100).checked_div(self.limit) {
            Some(percent) => write!(f, " ({percent} %)"),
            None => Ok(()),
        }
    }
}

async fn call(api: &Api) -> Result<(String, Load), String> {
    let what = (Method::GET, "/v1/metrics");
    let reply = api.send(what, Bytes::new(), WITHIN).await;
    let at = &api.address;
    let reply = reply.map_err(|error| format!("no answer from {at}: {error}"))?;
    match (reply.status, reply.header("x-node-id")) {
        (200, node) => {
            let load = Load::read(&reply.text());
            let load = load.ok_or_else(|| format!("{at} answered without its connections"))?;
            let node = match node {
                "" => "(no name)",
                node => node,
            };
            Ok((node.to_owned(), load))
        }
        (401 | 403, _) => Err(format!(
            "this backend key may not read metrics at {at}: it needs the scope `read`, for every \
             namespace"
        )),
        (404, _) => Err(format!(
            "{at} has no /v1/metrics: it serves no backends, or its release is older"
        )),
        (status, _) => Err(format!("{at} answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_what_it_holds() {
        let page = "# TYPE holdfast_connections gauge\nholdfast_connections_limit 200\n\
                    holdfast_connections 50\n# EOF\n";
        let load = Load::read(page).expect("both are there");
        assert_eq!(load.to_string(), "50 of 200 connections (25 %)");
        assert!(!load.is_full() && Load { open: 200, ..load }.is_full());
        assert_eq!(Load::read("holdfast_connections 50\n"), None);
    }

    #[test]
    fn the_key_without_limits_reads_metrics() {
        let key = |text| metrics_key(text);
        let two = "aaaa scopes=publish,bbbb name=ops";
        assert_eq!(key(two).as_deref(), Some("bbbb"));
        assert_eq!(key("aaaa scopes=read").as_deref(), Some("aaaa"));
        assert_eq!(key(""), None);
    }
}
