//! Rotation in the running local stack: the file of its keys changes, and every node reads it again
//! without a restart.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use socketio_client::Address;
use tokio::time::sleep;

use super::{Args, Change, next, show, tell};
use crate::backend_keys::{parse, rewrite};
use crate::local::api::Api;
use crate::local::control::{Answer, Command, call};
use crate::local::state::{self, Local};
use crate::server_target::local;
use crate::terminal::{Exit, Output, confirm, runtime};

/// How long nodes may take to read their keys again: SIGHUP makes them look at once.
const READING: Duration = Duration::from_secs(60);
/// Between two looks whether they have.
const PACE: Duration = Duration::from_millis(50);

/// Shows the keys of the running local stack.
///
/// # Errors
/// None runs, or it is not clear which.
pub fn list(url: Option<&str>, output: Output) -> anyhow::Result<Exit> {
    show(&parse(&read(&local(url)?)?), output)
}

/// Rotates a key of the running local stack.
///
/// # Errors
/// None runs, it is not clear which key is meant, or a node does not read its keys again.
pub fn rotate(
    args: &Args,
    (env, url): (&str, Option<&str>),
    output: Output,
) -> anyhow::Result<Exit> {
    let local = local(url)?;
    runtime()?.block_on(async {
        let old = read(&local)?;
        let mut keys = parse(&old);
        let change = args.change(&mut keys)?;
        if let Change::Went(old) = &change {
            let question = format!("Backends that still use {} are refused. Go on?", old.name);
            confirm(args.yes, &question).await?;
        }
        let nodes = nodes(&local).await?;
        if read(&local)? != old {
            bail!("the keys have changed meanwhile; nothing was changed: try again");
        }
        state::write_keys(&state::directory(), local.pid, &rewrite(&old, &keys))?;
        for node in &nodes {
            // One that has just ended has nothing to read.
            let _ = kill_process(node.pid, Signal::HUP);
        }
        for node in &nodes {
            node.has_read(&change).await?;
        }
        let new = match &change {
            Change::Came(key) => Some(&*key.key),
            Change::Went(_) => None,
        };
        tell(
            &change,
            &next(&change, &format!("--env {env}")),
            new,
            output,
        )?;
        Ok(Exit::Well)
    })
}

fn read(local: &Local) -> anyhow::Result<String> {
    let file = state::keys(&state::directory(), local.pid);
    std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// A node that reads the keys.
struct Node {
    name: String,
    pid: Pid,
    address: Address,
}

impl Node {
    fn of(described: &Value) -> Option<Self> {
        let pid = i32::try_from(described["pid"].as_i64()?).ok()?;
        let address = format!("http://{}", described["address"].as_str()?);
        Some(Self {
            name: described["id"].as_str()?.to_owned(),
            pid: Pid::from_raw(pid)?,
            address: address.parse().ok()?,
        })
    }

    /// Waits until the node takes a key that came, or refuses one that went.
    async fn has_read(&self, change: &Change) -> anyhow::Result<()> {
        let (key, takes) = match change {
            Change::Came(key) => (key, true),
            Change::Went(key) => (key, false),
        };
        let api = Api {
            address: self.address.clone(),
            backend_key: key.key.clone(),
        };
        let began = Instant::now();
        // A node that ends answers nobody.
        while api.is_known().await.is_ok_and(|known| known != takes) {
            if began.elapsed() > READING {
                bail!(
                    "{} has not read its keys again after {} s; `deployer local replace {}` starts \
                     another in its place",
                    self.name,
                    READING.as_secs(),
                    self.name
                );
            }
            sleep(PACE).await;
        }
        Ok(())
    }
}

/// The nodes of a stack.
async fn nodes(local: &Local) -> anyhow::Result<Vec<Node>> {
    let socket = state::socket(&state::directory(), local.pid);
    let mut answers = call(&socket, &Command::Status { wait: false }).await?;
    loop {
        match answers.next().await? {
            Answer::Step { .. } => {}
            Answer::Done { status, .. } => {
                let nodes = status["nodes"].as_array();
                return Ok(nodes.into_iter().flatten().filter_map(Node::of).collect());
            }
            Answer::Refused { message } | Answer::Failed { message } => bail!(message),
        }
    }
}
