//! Starting, keeping and stopping a local stack: nodes, balancer, a store where one is needed.

mod error;
mod keep;
mod launch;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tokio::sync::mpsc;

use super::api::Api;
use super::process::{Line, Process};
use super::shape::Shape;
use crate::balancer::{Balancer, Event};
use crate::socketio::Address;
pub use error::Error;
use launch::{listen, pass_lines, secret, store};

/// The channel that a new stack can be tried with.
const CHANNEL: &str = "demo";

/// How to run a stack.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server binary, which stands for the image.
    pub server: PathBuf,
    /// The deployer's own program; see [`super::process::on_leash`].
    pub leash: PathBuf,
    /// The balancer's port; 0 for any.
    pub port: u16,
    /// A Redis instead of AWS's, where the template has one; none: one is started.
    pub redis: Option<String>,
}

/// What happens in a stack, for whoever watches it.
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
    /// A node ended by itself; another takes its place, as ECS does it.
    Ended {
        /// Its name.
        name: String,
        /// How.
        status: String,
    },
    /// A node did not end within the stop timeout, and was killed.
    Killed(String),
}

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

/// A running stack. Dropping it kills every process.
pub struct Stack {
    /// The balancer's URL.
    pub url: String,
    /// A backend's key.
    pub backend_key: String,
    /// The demo channel.
    pub channel: String,
    /// The demo channel's plugin key.
    pub plugin_key: String,
    /// The nodes, in the order started.
    pub nodes: Vec<Node>,
    shape: Shape,
    options: Options,
    store: String,
    started: usize,
    balancer: Balancer,
    events: mpsc::Receiver<Event>,
    notices: mpsc::Sender<Notice>,
    lines: mpsc::Sender<Line>,
    // Held so that it dies with the stack.
    _redis: Option<Process>,
}

impl Stack {
    /// Starts a stack and returns it once every node is healthy and the demo channel has a key.
    ///
    /// # Errors
    /// The first thing that goes wrong; nothing is left running then.
    pub async fn start(
        mut shape: Shape,
        options: Options,
        notices: mpsc::Sender<Notice>,
    ) -> Result<Self, Error> {
        if !options.server.is_file() {
            return Err(Error::NoServer(options.server));
        }
        let (sockets, ports) = listen(&shape, options.port).await?;
        shape.relocate(&ports);
        let (balancer, events) = Balancer::new(shape.balancer.clone())?;
        for (number, socket) in sockets.into_iter().enumerate() {
            tokio::spawn(balancer.serve(number, socket, std::future::pending())?);
        }
        let lines = pass_lines(notices.clone());
        let (store, redis) = store(&shape.task.store, &options, lines.clone()).await?;
        let address = Address {
            secure: false,
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: ports[shape.main],
        };
        let mut stack = Self {
            url: address.to_string(),
            backend_key: secret().map_err(|source| Error::Start {
                name: "the stack".to_owned(),
                source,
            })?,
            channel: CHANNEL.to_owned(),
            plugin_key: String::new(),
            nodes: vec![],
            shape,
            options,
            store,
            started: 0,
            balancer,
            events,
            notices,
            lines,
            _redis: redis,
        };
        for _ in 0..stack.shape.task.count {
            stack.add_node().await?;
        }
        stack.all_healthy().await?;
        let api = Api {
            address,
            backend_key: stack.backend_key.clone(),
        };
        stack.plugin_key = api.create_key(CHANNEL, &stack.namespaces()).await?;
        Ok(stack)
    }

    /// The namespaces that the template gives the server.
    #[must_use]
    pub fn namespaces(&self) -> Vec<String> {
        let given = self.variable("NAMESPACES").unwrap_or("dropcodes,donations");
        given
            .split(',')
            .map(|name| name.trim().to_owned())
            .collect()
    }

    /// The Socket.IO path that the template gives the server.
    #[must_use]
    pub fn socket_path(&self) -> String {
        self.variable("SOCKET_PATH")
            .unwrap_or("/websockets")
            .to_owned()
    }

    fn variable(&self, name: &str) -> Option<&str> {
        let mut all = self.shape.task.environment.iter();
        all.find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }
}
