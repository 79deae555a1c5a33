//! Talking to a running stack from another terminal: a line of JSON with a command goes in, lines
//! of JSON with what happens come out, over a Unix socket that this user alone can reach. What the
//! commands do is the stack's affair.

mod call;
mod serve;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

pub use call::{Answers, Error, call};
pub use serve::{Socket, serve};

/// What a stack can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Say how it stands.
    Status {
        /// Only once every node is healthy and nothing is being replaced.
        wait: bool,
    },
    /// SIGKILL to a node.
    Kill {
        /// Its name.
        node: String,
    },
    /// SIGSTOP to a node.
    Stop {
        /// Its name.
        node: String,
    },
    /// SIGCONT to a node.
    Continue {
        /// Its name.
        node: String,
    },
    /// Put another node in the place of one.
    Replace {
        /// Its name.
        node: String,
        /// How.
        rollout: Rollout,
    },
    /// Put other nodes in the place of all.
    Deploy {
        /// How.
        rollout: Rollout,
    },
    /// Do something to the Redis that the stack has started.
    Redis {
        /// What.
        action: RedisAction,
        /// To which shard; to all unless it is said.
        #[serde(default)]
        shard: Option<String>,
    },
}

impl Command {
    /// The command's word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Kill { .. } => "kill",
            Self::Stop { .. } => "stop",
            Self::Continue { .. } => "continue",
            Self::Replace { .. } => "replace",
            Self::Deploy { .. } => "deploy",
            Self::Redis { .. } => "redis",
        }
    }
}

/// How nodes are replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Whether the balancer cuts before SIGTERM or after it.
    pub order: Order,
    /// The program of the new nodes; the old ones' unless given.
    pub server: Option<PathBuf>,
    /// The deregistration delay; the target group's unless given.
    pub delay: Option<Duration>,
}

/// What a node that leaves sees first. AWS's guides are silent on it, and both have been seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The end of the deregistration delay cuts its connections, and SIGTERM comes after it: a
    /// rolling deployment.
    #[default]
    CutFirst,
    /// SIGTERM comes as soon as it is deregistered: `StopTask` and Fargate Spot
    /// (<https://github.com/aws/containers-roadmap/issues/708>,
    /// <https://github.com/aws/containers-roadmap/issues/2673>).
    SigtermFirst,
}

/// What can be done to a Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "redis", rename_all = "snake_case")]
pub enum RedisAction {
    /// SIGKILL. It stays away until it is restarted.
    Kill,
    /// SIGSTOP.
    Stop,
    /// SIGCONT.
    Continue,
    /// SIGTERM where it runs, and a start.
    Restart {
        /// Without its data.
        empty: bool,
    },
}

/// What a stack says to whoever asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Something happened on the way.
    Step {
        /// For people.
        text: String,
        /// For programs: what `up --output json` prints of it.
        document: Value,
    },
    /// It is done.
    Done {
        /// For people.
        text: String,
        /// How the stack stands now.
        status: Value,
    },
    /// It cannot be done, and nothing was.
    Refused {
        /// Why, and what can be.
        message: String,
    },
    /// It went wrong, and was taken back.
    Failed {
        /// What went wrong.
        message: String,
    },
}

/// A command, and where its answers go.
#[derive(Debug)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// Answers that nobody takes in time are dropped, but for the last.
    pub answers: mpsc::Sender<Answer>,
}
