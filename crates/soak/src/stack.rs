//! The local stack under test: `deployer up`, and `deployer local` to do things to it. It knows
//! which nodes there are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::process::{beside, child_command, project};
use crate::publisher::lock;

/// How long a stack may take until it is ready, or until all its nodes are healthy again.
const READY: Duration = Duration::from_secs(120);
/// How long `deployer local` may take.
const COMMAND: Duration = Duration::from_secs(600);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// What a stack is made of.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) nodes: usize,
    pub(crate) redis: String,
    /// The server binary, where it is not the one built beside this program.
    pub(crate) server: Option<PathBuf>,
    /// Whether heartbeats find a silent peer within seconds.
    pub(crate) quick: bool,
}

/// A node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) pid: u32,
    pub(crate) healthy: bool,
}

/// A running stack. It is killed with its nodes when dropped.
pub(crate) struct Stack {
    pub(crate) url: String,
    pub(crate) backend_key: String,
    nodes: Arc<Mutex<BTreeMap<String, Node>>>,
    directory: PathBuf,
    _child: Child,
}

impl Stack {
    /// Starts a stack, whose files and logs are in `directory`, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not get ready.
    pub(crate) async fn start(options: &Options, directory: &Path) -> anyhow::Result<Self> {
        let environments = environments(options, directory)?;
        let log = directory.join("stack.log");
        let mut command = child_command(beside("deployer")?, &log)?;
        command
            .args(["up", "--env", "soak", "--port", "0", "--output", "json"])
            .arg("--environments")
            .arg(environments)
            .args(["--redis", &options.redis])
            .env("TMPDIR", directory)
            .stdout(Stdio::piped());
        let server = match &options.server {
            Some(server) => server.clone(),
            None => beside("server")?,
        };
        command.arg("--server-bin").arg(server);
        let mut child = command.spawn().context("cannot start the deployer")?;
        let stdout = child.stdout.take().context("the deployer has no stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = timeout(READY, ready(&mut lines)).await;
        let ready = ready
            .context("the stack does not get ready")
            .and_then(|ready| ready)
            .with_context(|| format!("see {}", log.display()))?;
        let text = |name: &str| {
            let value = ready.get(name).and_then(Value::as_str);
            Ok::<_, anyhow::Error>(
                value
                    .with_context(|| format!("no {name} in {ready}"))?
                    .to_owned(),
            )
        };
        let mut nodes = BTreeMap::new();
        for node in ready["nodes"].as_array().into_iter().flatten() {
            let id = node["id"].as_str().unwrap_or_default();
            nodes.insert(id.to_owned(), read_node(node, true)?);
        }
        let (url, backend_key) = (text("url")?, text("backend_key")?);
        let nodes = Arc::new(Mutex::new(nodes));
        tokio::spawn(follow(lines, nodes.clone()));
        Ok(Self {
            url,
            backend_key,
            nodes,
            directory: directory.to_owned(),
            _child: child,
        })
    }

    /// Where the load balancer listens.
    ///
    /// # Errors
    /// When its URL has another form.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        let address = self.url.strip_prefix("http://").unwrap_or_default();
        let address = address.trim_end_matches('/').parse();
        address.with_context(|| format!("{} names no address", self.url))
    }

    /// Its nodes, by name.
    pub(crate) fn nodes(&self) -> BTreeMap<String, Node> {
        lock(&self.nodes).clone()
    }

    /// The names of those that are healthy.
    pub(crate) fn healthy(&self) -> Vec<String> {
        let nodes = self.nodes();
        let healthy = nodes.into_iter().filter(|(_, node)| node.healthy);
        healthy.map(|(name, _)| name).collect()
    }

    /// Waits until `number` nodes are healthy.
    ///
    /// # Errors
    /// When that takes too long.
    pub(crate) async fn until_healthy(&self, number: usize) -> anyhow::Result<()> {
        let start = Instant::now();
        while self.healthy().len() < number {
            ensure!(
                start.elapsed() < READY,
                "{} of {number} nodes are healthy after {READY:?}: {:?}",
                self.healthy().len(),
                self.nodes()
            );
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Runs `deployer local` with these arguments against it, and returns the document that it
    /// prints.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) async fn local(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = Command::new(beside("deployer")?);
        command
            .arg("local")
            .args(arguments)
            .args(["--output", "json"])
            .current_dir(project())
            .env("TMPDIR", &self.directory)
            .kill_on_drop(true);
        let output = timeout(COMMAND, command.output()).await;
        let output =
            output.with_context(|| format!("deployer local {arguments:?} does not end"))??;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "deployer local {arguments:?}: {} {said} {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_str(&said)
            .with_context(|| format!("deployer local {arguments:?} printed {said}"))
    }

    /// Kills a node with -9.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub(crate) async fn kill(&self, node: &str) -> anyhow::Result<()> {
        // At once, so that nobody takes it for healthy until the stack has noticed.
        if let Some(node) = lock(&self.nodes).get_mut(node) {
            node.healthy = false;
        }
        self.local(&["kill", node]).await.map(drop)
    }
}

/// The environments of the project, and one more: the cluster with another number of nodes.
fn environments(options: &Options, directory: &Path) -> anyhow::Result<PathBuf> {
    let into = directory.join("environments");
    std::fs::create_dir_all(&into)?;
    for file in ["defaults.yaml", "local.yaml", "local-cluster.yaml"] {
        let from = project().join("environments").join(file);
        std::fs::copy(&from, into.join(file))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let nodes = options.nodes;
    // All clients have one address here.
    let mut text = format!(
        "extends: local-cluster\n\
         service:\n  tasks: {{ min: {nodes}, max: {nodes} }}\n\
         server:\n  max_unjoined: 20000\n  connections_per_address: none\n  handshakes_per_address: none\n"
    );
    if options.quick {
        text += "  ping_interval: 3s\n  ping_timeout: 3s\n";
    }
    std::fs::write(into.join("soak.yaml"), text)?;
    Ok(into)
}

async fn ready(lines: &mut Lines<BufReader<ChildStdout>>) -> anyhow::Result<Value> {
    while let Some(line) = lines.next_line().await? {
        let document: Value =
            serde_json::from_str(&line).with_context(|| format!("the deployer printed {line}"))?;
        if document["type"] == "ready" {
            return Ok(document);
        }
    }
    bail!("the deployer ended")
}

fn read_node(document: &Value, healthy: bool) -> anyhow::Result<Node> {
    let pid = document["pid"]
        .as_u64()
        .with_context(|| format!("no pid in {document}"))?;
    Ok(Node {
        pid: u32::try_from(pid)?,
        healthy,
    })
}

/// Keeps the nodes as the stack tells of them, until it ends.
async fn follow<R: AsyncBufRead + Unpin>(
    mut lines: Lines<R>,
    nodes: Arc<Mutex<BTreeMap<String, Node>>>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        let document: Value = serde_json::from_str(&line).unwrap_or_default();
        let name = document["node"].as_str().unwrap_or_default().to_owned();
        let mut nodes = lock(&nodes);
        match document["type"].as_str() {
            Some("node_started") => {
                if let Ok(node) = read_node(&document, false) {
                    nodes.insert(name, node);
                }
            }
            Some("health") => {
                if let Some(node) = nodes.get_mut(&name) {
                    node.healthy = document["health"] == "healthy";
                }
            }
            Some("node_ended" | "node_killed") => {
                nodes.remove(&name);
            }
            _ => {}
        }
    }
}
