//! Replacing nodes while the others serve: one of them, or all, within the limits of the service's
//! deployments.
//!
//! As with a deployment circuit breaker that rolls back, the first new node that fails ends it, and
//! the old ones stay or come back. ECS tries three times at least
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>).

use std::path::PathBuf;

use serde_json::{Value, json};

use super::watcher::Goal;
use super::{Node, Notice, Stack};
use crate::local::control::Rollout;

/// A rollout that is under way.
pub(super) struct Rolling {
    pub(super) how: Rollout,
    /// The nodes that go.
    nodes: Vec<String>,
    /// The program of those that come.
    server: PathBuf,
    /// Whether every node goes: then the program is the service's from now on.
    all: bool,
    /// Why it is being taken back.
    failed: Option<String>,
}

impl Stack {
    /// Begins to replace `node`, or all of them.
    pub(super) async fn begin(&mut self, node: Option<&str>, how: Rollout) -> Result<(), String> {
        if let Some(rolling) = &self.rolling {
            return Err(format!(
                "a deployment is under way, which replaces {}; wait for it with `deployer local \
                 status --wait`",
                rolling.nodes.join(", ")
            ));
        }
        if !self.limits.can_progress() {
            let task = &self.setup.task;
            return Err(format!(
                "with MaximumPercent {} and MinimumHealthyPercent {} ECS can neither start nor stop one of {} tasks; \
                 change service.deployment (rule deployment-cannot-progress)",
                task.maximum_percent, task.minimum_healthy_percent, task.count
            ));
        }
        let server = how
            .server
            .clone()
            .unwrap_or_else(|| self.options.server.clone());
        if !server.is_file() {
            return Err(format!("no server binary at {}", server.display()));
        }
        if let Some(name) = node
            && self.find(name)?.is_leaving()
        {
            return Err(format!("{name} is already stopping"));
        }
        let wanted = |candidate: &&mut Node| {
            !candidate.is_leaving() && node.is_none_or(|name| name == candidate.name())
        };
        let mut nodes = vec![];
        for node in self.nodes.iter_mut().filter(wanted) {
            node.outdated = true;
            nodes.push(node.name().to_owned());
        }
        let (all, order) = (node.is_none(), how.order);
        self.rolling = Some(Rolling {
            how,
            nodes: nodes.clone(),
            server,
            all,
            failed: None,
        });
        self.tell(Notice::Deploying { nodes, order }).await;
        Ok(())
    }

    /// The program of the next node, and whether it belongs to the rollout.
    pub(super) fn next_server(&self) -> (PathBuf, bool) {
        let came = self
            .nodes
            .iter()
            .filter(|node| node.of_rollout && !node.is_leaving());
        let came = came.count();
        match &self.rolling {
            Some(rolling) if rolling.failed.is_none() && (rolling.all || came == 0) => {
                (rolling.server.clone(), true)
            }
            _ => (self.options.server.clone(), false),
        }
    }

    /// Takes the rollout back: what has come goes, and what was to go stays.
    pub(super) fn take_back(&mut self, reason: String) {
        let Some(rolling) = &mut self.rolling else {
            return;
        };
        rolling.failed = Some(reason);
        for node in &mut self.nodes {
            node.outdated = node.of_rollout;
        }
    }

    /// Whether nodes of the rollout that fail say something about it.
    pub(super) fn is_rolling(&self) -> bool {
        self.rolling
            .as_ref()
            .is_some_and(|rolling| rolling.failed.is_none())
    }

    /// Ends a rollout that has nothing left to do.
    pub(super) async fn conclude(&mut self) {
        if !self.is_steady() {
            return;
        }
        let Some(rolling) = self.rolling.take() else {
            return;
        };
        let mut came = vec![];
        for node in self.nodes.iter_mut().filter(|node| node.of_rollout) {
            node.of_rollout = false;
            came.push(node.name().to_owned());
        }
        let Some(reason) = rolling.failed else {
            if rolling.all {
                self.options.server = rolling.server;
            }
            let (went, replacing) = (rolling.nodes.join(", "), came.join(", "));
            self.tell(Notice::Deployed { nodes: came }).await;
            return self.finish(
                &Goal::Rollout,
                &Ok(format!("{went} replaced by {replacing}")),
            );
        };
        let message = format!("rolled back: {reason}");
        self.tell(Notice::RolledBack { reason }).await;
        self.finish(&Goal::Rollout, &Err(message));
    }

    /// The rollout for programs; null when there is none.
    pub(super) fn describe_rollout(&self) -> Value {
        self.rolling.as_ref().map_or(Value::Null, |rolling| {
            json!({ "nodes": rolling.nodes, "order": rolling.how.order, "rolling_back": rolling.failed.is_some() })
        })
    }
}
