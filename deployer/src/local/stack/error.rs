//! Why a stack could not be started or kept.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::local::{api, redis_cluster};

/// Why a stack could not be started or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken.
    #[error("cannot listen on port {port} (choose another with --port; 0: any)")]
    Port {
        /// The port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// No server binary.
    #[error("no server binary at {}; `cargo build -p server` makes one beside a deployer that \
             was built, `cargo install --locked --path server` beside one that was installed; or \
             name it with --server-bin", .0.display())]
    NoServer(PathBuf),
    /// The template needs a Redis, and there is none.
    #[error(
        "the template's store is a Redis, and neither redis-server nor valkey-server is on this \
         machine; install one, or give --redis URL"
    )]
    NoRedis,
    /// `--redis` is not a URL of one.
    #[error(
        "--redis takes a URL such as redis://127.0.0.1:6379 or rediss://user:password@host:6380/0"
    )]
    RedisUrl,
    /// `--redis` for a template that needs none.
    #[error("--redis is for templates whose store is a Redis; this one's store is {0}")]
    NeedlessRedis(String),
    /// A file or directory of the stack's cannot be used.
    #[error("cannot use {path}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The shards do not become a cluster.
    #[error("cannot make a cluster of the Redis")]
    Cluster(#[from] redis_cluster::Error),
    /// The balancer's configuration is inconsistent.
    #[error(transparent)]
    Balancer(#[from] alb_model::Error),
    /// A process could not be started.
    #[error("cannot start {name}")]
    Start {
        /// Its name.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A process ended by itself before it was of use.
    #[error("{name} ended with {status}{}", quote(.said))]
    Ended {
        /// Its name.
        name: String,
        /// How.
        status: String,
        /// What it said last.
        said: Vec<String>,
    },
    /// A process runs, but does not listen.
    #[error("{name} does not listen on {address} after 30 s{}", quote(.said))]
    Deaf {
        /// Its name.
        name: String,
        /// Where it should.
        address: SocketAddr,
        /// What it said last.
        said: Vec<String>,
    },
    /// A node failed its health checks.
    #[error("{name} is unhealthy: {reason}{}", quote(.said))]
    Unhealthy {
        /// Its name.
        name: String,
        /// What the health check saw.
        reason: String,
        /// What it said last.
        said: Vec<String>,
    },
    /// The API refused the demo channel's key.
    #[error("cannot create a key for the demo channel: {0}")]
    Key(#[from] api::Error),
}

impl Error {
    /// Whether nothing was started because of what the user gave, rather than that what was started
    /// failed.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Port { .. }
                | Self::NoServer(_)
                | Self::NoRedis
                | Self::RedisUrl
                | Self::NeedlessRedis(_)
                | Self::Directory { .. }
                | Self::Balancer(_)
        )
    }
}

fn quote(said: &[String]) -> String {
    if said.is_empty() {
        return ", without output".to_owned();
    }
    let lines: String = said
        .iter()
        .map(|line| format!("\n  {}", crate::local::log::readable(line)))
        .collect();
    format!("; its last output:{lines}")
}
