//! The nodes that answer, and what they count.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::asking::each;
use super::exposition::parse;
use super::figures::Figures;
use super::window::{Sums, Window};
use crate::local::api::Api;

/// A node that was silent for longer is said to be.
const SILENT: Duration = Duration::from_secs(5);
/// A node that was silent for longer has gone.
const GONE: Duration = Duration::from_secs(60);

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
    /// Asks for their metrics. What went wrong, if anything.
    pub(super) async fn ask(&mut self, api: &Api) -> Option<String> {
        self.forget();
        let known = self.0.keys().cloned().collect();
        let (answers, trouble) = each(api, "/v1/metrics", self.live(), known).await;
        for answer in answers {
            let window = self.0.entry(answer.node).or_default();
            window.add(answer.at, parse(&answer.text));
        }
        trouble
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

    /// Those that do answer.
    pub(super) fn live(&self) -> BTreeSet<String> {
        let since = |window: &Window| window.last().is_some_and(|last| last.elapsed() < SILENT);
        let live = self.0.iter().filter(|(_, window)| since(window));
        live.map(|(name, _)| name.clone()).collect()
    }

    fn forget(&mut self) {
        self.0
            .retain(|_, window| window.last().is_some_and(|last| last.elapsed() < GONE));
    }
}
