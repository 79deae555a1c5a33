//! The clients: Node processes with many sockets of the official library each, whose events go to
//! the tracker.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin};

use crate::backend::NAMESPACE;
use crate::event::Event;
use crate::process::{child_command, project};
use crate::publisher::lock;
use crate::tracker::Tracker;

/// Sockets of one Node process; beyond it the process is what is measured.
const EACH: usize = 2_500;

/// How a client connects.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Client {
    /// Its number in the tracker.
    pub(crate) n: usize,
    pub(crate) key: String,
    pub(crate) transports: &'static [&'static str],
    /// Whether it drops its connection every few seconds.
    pub(crate) flaky: bool,
    /// Whether it loses its session at each poison message.
    pub(crate) breaks: bool,
}

/// Running clients. Killed when dropped.
pub(crate) struct Clients {
    processes: Vec<(Child, ChildStdin)>,
}

impl Clients {
    /// Starts them all at once.
    ///
    /// # Errors
    /// When Node cannot be started.
    pub(crate) async fn start(
        url: &str,
        clients: &[Client],
        tracker: &Arc<Mutex<Tracker>>,
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let mut processes = Vec::new();
        for some in clients.chunks(EACH) {
            let mut child = child_command("node", &logs.join("clients.log"))?
                .arg(project().join("crates/soak/clients.cjs"))
                .env("NODE_PATH", project().join("tools/node_modules"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot start node")?;
            let mut stdin = child.stdin.take().context("node has no stdin")?;
            let stdout = child.stdout.take().context("node has no stdout")?;
            tokio::spawn(listen(BufReader::new(stdout), tracker.clone()));
            let order = json!({ "do": "open", "url": url, "path": "/websockets", "namespace": format!("/{NAMESPACE}"), "clients": some });
            tell(&mut stdin, &order).await?;
            processes.push((child, stdin));
        }
        Ok(Self { processes })
    }

    /// Ends the drops of flaky clients, and has those that break read everything.
    ///
    /// # Errors
    /// When a process is gone.
    pub(crate) async fn calm(&mut self) -> anyhow::Result<()> {
        for (_, stdin) in &mut self.processes {
            tell(stdin, &json!({ "do": "calm" })).await?;
        }
        Ok(())
    }
}

async fn tell(stdin: &mut ChildStdin, order: &Value) -> anyhow::Result<()> {
    let line = format!("{order}\n");
    let told = stdin.write_all(line.as_bytes()).await;
    told.context("the clients' process has ended; see clients.log")
}

/// Passes what the clients tell on to the tracker, until they end.
async fn listen(stdout: impl tokio::io::AsyncBufRead + Unpin, tracker: Arc<Mutex<Tracker>>) {
    let mut lines = stdout.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match Event::read(&line) {
            Ok(event) => lock(&tracker).apply(&event),
            Err(error) => lock(&tracker).fault(format!("{error:#}")),
        }
    }
}
