//! Asks the nodes for their metrics through the load balancer, which alone knows them. Without a
//! cookie each call goes to any node; `x-node-id` says which one answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::Method;
use futures_util::future::join_all;
use serde::Serialize;

use super::exposition::parse;
use super::figures::Figures;
use super::window::{Sums, Window};
use crate::local::api::Api;

/// How long a node may take. One that is stopped takes for ever.
const WITHIN: Duration = Duration::from_secs(2);
/// A node that was silent for longer is said to be.
const SILENT: Duration = Duration::from_secs(5);
/// A node that was silent for longer has gone.
const GONE: Duration = Duration::from_secs(60);
/// Batches of calls in a round: a balancer that draws lots leaves some nodes out of the first.
const BATCHES: usize = 3;
/// Calls of a batch at most, and one more.
const BATCH: usize = 100;

/// The nodes that have answered of late.
#[derive(Debug, Default)]
pub(super) struct Nodes(BTreeMap<String, Window>);

/// What the page is told of a node.
#[derive(Debug, Serialize)]
pub(super) struct Node {
    node: String,
    /// Milliseconds since it answered.
    age: u128,
    /// Whether it has been silent for longer than it should be.
    silent: bool,
    figures: Figures,
}

impl Nodes {
    /// Asks until each known node has answered, and no new one did. What went wrong, if anything.
    pub(super) async fn ask(&mut self, api: &Api) -> Option<String> {
        self.forget();
        let mut wanted = self.live();
        let mut failures = Vec::new();
        for _ in 0..BATCHES {
            // At once: a node that is stopped must not keep the others waiting.
            let calls = (0..=wanted.len().clamp(1, BATCH)).map(|_| call(api));
            let mut is_new = false;
            for answer in join_all(calls).await {
                match answer {
                    Ok(answer) => {
                        wanted.remove(&answer.node);
                        is_new |= !self.0.contains_key(&answer.node);
                        let window = self.0.entry(answer.node).or_default();
                        window.add(answer.at, parse(&answer.text));
                    }
                    Err(error) => failures.push(error),
                }
            }
            if !failures.is_empty() || (wanted.is_empty() && !is_new) {
                break;
            }
        }
        failures.pop()
    }

    /// What to tell: each node, and the sums over those that answer. Those that are not `running`,
    /// where that is known, have gone and do not answer any more.
    pub(super) fn tell(&self, running: Option<&[&str]>) -> (Vec<Node>, Figures) {
        let now = Instant::now();
        let mut all = Sums::default();
        let mut nodes = Vec::new();
        for (name, window) in &self.0 {
            let age = window.last().map_or(GONE, |last| now - last);
            let runs = running.is_none_or(|running| running.contains(&name.as_str()));
            let (sums, silent) = (window.sums(), age > SILENT || !runs);
            if !silent {
                all.add(&sums);
            }
            nodes.push(Node {
                node: name.clone(),
                age: age.as_millis(),
                silent,
                figures: Figures::of(&sums),
            });
        }
        (nodes, Figures::of(&all))
    }

    fn live(&self) -> BTreeSet<String> {
        let since = |window: &Window| window.last().is_some_and(|last| last.elapsed() < SILENT);
        let live = self.0.iter().filter(|(_, window)| since(window));
        live.map(|(name, _)| name.clone()).collect()
    }

    fn forget(&mut self) {
        self.0
            .retain(|_, window| window.last().is_some_and(|last| last.elapsed() < GONE));
    }
}

/// What a node answered.
struct Answered {
    node: String,
    at: Instant,
    /// Its page.
    text: String,
}

async fn call(api: &Api) -> Result<Answered, String> {
    let what = (Method::GET, "/v1/metrics");
    let reply = api.send(what, Bytes::new(), WITHIN).await;
    let reply = reply.map_err(|error| error.to_string())?;
    let answered = |node: &str| Answered {
        node: node.to_owned(),
        at: Instant::now(),
        text: reply.text(),
    };
    match (reply.status, reply.header("x-node-id")) {
        (200, "") => Ok(answered("a node without a name")),
        (200, node) => Ok(answered(node)),
        (401 | 403, _) => Err(
            "this backend key may not read metrics: it needs the scope `read`, for \
                               every namespace"
                .to_owned(),
        ),
        (404, _) => Err("these nodes have no /v1/metrics: they are of an older release".to_owned()),
        (status, _) => Err(format!("the load balancer or a node answered {status}")),
    }
}
