//! What happens in a stack, for whoever watches it: as a line for people and as an object for
//! programs.

mod document;
mod text;

use std::net::SocketAddr;
use std::time::Duration;

use crate::local::control::Order;
use crate::local::process::Line;
use alb_model::{Event, Health};

/// Something that happened in a stack.
#[derive(Debug, Clone)]
pub enum Notice {
    /// A process wrote a line.
    Line(Line),
    /// The balancer has something to tell; with the node's name, where it speaks of one.
    Balancer(Event, Option<String>),
    /// A node has started, and listens.
    Started {
        /// Its name.
        name: String,
        /// Where it listens.
        address: SocketAddr,
        /// Its process.
        pid: u32,
    },
    /// A node ended.
    Ended {
        /// Its name.
        name: String,
        /// How.
        status: String,
        /// Whether it had been told to.
        told: bool,
    },
    /// A node ended before it was of use; another is tried.
    Retried {
        /// Why it was of no use.
        reason: String,
        /// When the next one is started.
        wait: Duration,
    },
    /// A node is unhealthy, and another is to take its place.
    Unfit(String),
    /// A node is deregistered from the balancer.
    Leaving {
        /// Its name.
        name: String,
        /// What comes first.
        order: Order,
        /// How long what is open may go on.
        delay: Duration,
    },
    /// The deregistration delay of a node has passed.
    Delayed {
        /// Its name.
        name: String,
        /// Requests and WebSockets that were still open, and were cut.
        cut: usize,
    },
    /// SIGTERM was sent to a node.
    Terminated {
        /// Its name.
        name: String,
        /// When SIGKILL follows.
        within: Duration,
    },
    /// A node did not end within the stop timeout, and was killed.
    Killed(String),
    /// Someone sent a signal to a node or to the Redis.
    Signalled {
        /// Its name.
        name: String,
        /// The signal.
        signal: &'static str,
    },
    /// Nodes are being replaced.
    Deploying {
        /// Those that go.
        nodes: Vec<String>,
        /// How.
        order: Order,
    },
    /// Nodes were replaced.
    Deployed {
        /// Those that came.
        nodes: Vec<String>,
    },
    /// New nodes failed, and the old ones stay.
    RolledBack {
        /// Why.
        reason: String,
    },
    /// The Redis has started, and listens.
    RedisStarted {
        /// Its name; a shard has a number behind it.
        name: String,
        /// Where.
        address: SocketAddr,
        /// Its process.
        pid: u32,
    },
    /// The Redis ended.
    RedisEnded {
        /// Its name.
        name: String,
        /// How.
        status: String,
        /// Whether it is started again; it is only when somebody asks for it.
        restart: bool,
    },
}

/// A target's health as AWS writes it.
#[must_use]
pub fn health_word(health: Health) -> &'static str {
    match health {
        Health::Initial => "initial",
        Health::Healthy => "healthy",
        Health::Unhealthy => "unhealthy",
        Health::Draining => "draining",
    }
}

impl Notice {
    /// Whether it is a step on the way of a node, rather than one line or connection of many.
    #[must_use]
    pub fn is_step(&self) -> bool {
        !matches!(
            self,
            Self::Line(_) | Self::Balancer(Event::Cut { .. } | Event::Failed { .. }, _)
        )
    }
}
