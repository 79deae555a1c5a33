//! A running stack and the commands that are given to it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::running::{Up, command, directory};
use crate::trials::participants::PATIENCE;
use crate::write;

/// Three nodes that share a Redis, with times that are short enough to wait for.
pub(super) const THREE: &str = "\
extends: local-cluster
load_balancer:
  deregistration_delay: 1s
server:
  drain: 1s
service:
  stop_timeout: 4s
";

/// A running stack.
pub(crate) struct Stack {
    pub(crate) directory: TempDir,
    pub(super) up: Up,
    pub(crate) ready: Value,
}

/// How a command ended.
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) document: Value,
}

impl Ran {
    /// The steps that it told, in order: their kinds and nodes.
    pub(super) fn steps(&self) -> Vec<(String, String)> {
        let text = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
        let steps = self.document["steps"].as_array().unwrap();
        steps
            .iter()
            .map(|step| (text(step, "type"), text(step, "node")))
            .collect()
    }

    pub(super) fn message(&self) -> &str {
        self.document["message"].as_str().unwrap()
    }
}

impl Stack {
    /// Starts one from an environment file's text.
    pub(crate) async fn start(environment: &str) -> Self {
        Self::start_with(environment, &[]).await
    }

    pub(super) async fn start_with(environment: &str, more: &[&str]) -> Self {
        let directory = directory();
        write(
            &directory.path().join("environments/test.yaml"),
            environment,
        );
        let mut up = Up::start(directory.path(), &[&["--env", "test"], more].concat());
        let ready = up.document().await;
        assert_eq!(ready["type"], "ready", "{ready}");
        Self {
            directory,
            up,
            ready,
        }
    }

    /// Starts `deployer local …`.
    pub(super) fn begin(&self, args: &[&str]) -> Child {
        local(self.directory.path(), args).spawn().unwrap()
    }

    /// Runs `deployer local … --output json`.
    pub(super) async fn local(&self, args: &[&str]) -> Ran {
        ran(self.begin(args)).await
    }

    /// The nodes once everything is healthy and nothing is being replaced.
    pub(super) async fn settled(&self) -> Vec<Value> {
        let ran = self.local(&["status", "--wait"]).await;
        assert_eq!(ran.code, 0, "{}", ran.document);
        assert_eq!(ran.document["steady"], true);
        ran.document["nodes"].as_array().unwrap().clone()
    }

    pub(super) async fn nodes(&self) -> Vec<Value> {
        let ran = self.local(&["status"]).await;
        ran.document["nodes"].as_array().unwrap().clone()
    }
}

fn local(directory: &Path, args: &[&str]) -> Command {
    let mut local = command(directory);
    local
        .args(["local", "--output", "json"])
        .args(args)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    local
}

/// Waits for a command that was begun.
pub(super) async fn ran(child: Child) -> Ran {
    let output = timeout(2 * PATIENCE, child.wait_with_output())
        .await
        .expect("it does not end")
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let document = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)));
    Ran {
        code: output.status.code().unwrap_or(-1),
        document,
    }
}

/// Waits until something holds.
pub(super) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(
            began.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The names of nodes.
pub(super) fn names(nodes: &[Value]) -> Vec<&str> {
    nodes
        .iter()
        .filter_map(|node| node["id"].as_str())
        .collect()
}
