//! Starting, keeping and stopping a local stack: nodes, balancer, a store where one is needed.

mod error;
mod launch;
mod leave;
mod node;
pub mod notice;
mod reconcile;
mod request;
mod rollout;
mod schedule;
mod store;
mod watcher;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::api::Api;
use super::control::Request;
use super::metadata::Metadata;
use super::process::Line;
use super::redis::Endpoint;
use super::setup::Setup;
use super::state::KeyFile;
use alb_model::{Balancer, Event};
pub use error::Error;
use launch::{listen, pass_lines, secret};
pub use node::Node;
pub use notice::Notice;
use rollout::Rolling;
use schedule::Limits;
use socketio_client::Address;
use store::Redis;
use watcher::Watcher;

/// The channel that a new stack can be tried with.
const CHANNEL: &str = "demo";
/// What the stack has set going may tell it this many things before it waits.
const INBOX: usize = 256;

/// How to run a stack.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server binary, which stands for the image.
    pub server: PathBuf,
    /// The deployer's own program; see [`super::process::exec_dying_with_parent`].
    pub supervisor: PathBuf,
    /// The balancer's port; 0 for any.
    pub port: u16,
    /// A Redis instead of AWS's, where the template has one; none: one is started.
    pub redis: Option<String>,
    /// The directory of running stacks, for what a Redis holds.
    pub directory: PathBuf,
}

/// What a stack is told by those whom it does not wait for.
enum Happened {
    /// The balancer has something to tell.
    Event(Event),
    /// A node accepts connections, or does not.
    Listens(String, Result<(), Error>),
    /// A node's process has ended.
    Ended(String),
    /// A node's deregistration delay has passed, and so many connections were cut.
    Delayed(String, usize),
    /// A node's stop timeout has passed.
    Overdue(String),
    /// The Redis accepts connections, or does not.
    RedisListens(Result<(), Error>),
    /// The Redis's process has ended.
    RedisEnded,
    /// Somebody asks for something.
    Asked(Request),
    /// It is time to look again.
    Again,
}

/// A running stack. Dropping it kills every process.
pub struct Stack {
    /// The balancer's URL.
    pub url: String,
    /// A backend's key.
    pub backend_key: String,
    /// Where nodes read it, and those that are rotated in later.
    keys: KeyFile,
    /// The demo channel.
    pub channel: String,
    /// The demo channel's plugin key.
    pub plugin_key: String,
    /// The nodes.
    pub nodes: Vec<Node>,
    setup: Setup,
    limits: Limits,
    options: Options,
    store: Endpoint,
    redis: Option<Redis>,
    started: usize,
    /// Whether a node that fails is the end: while the stack starts.
    strict: bool,
    /// Starts in a row that failed.
    failures: u32,
    /// No node is started before this.
    not_before: Option<Instant>,
    rolling: Option<Rolling>,
    watchers: Vec<Watcher>,
    balancer: Balancer,
    metadata: Metadata,
    events: mpsc::Receiver<Event>,
    inbox: mpsc::Receiver<Happened>,
    telling: mpsc::Sender<Happened>,
    requests: mpsc::Receiver<Request>,
    asking: mpsc::Sender<Request>,
    notices: mpsc::Sender<Notice>,
    lines: mpsc::Sender<Line>,
}

impl Stack {
    /// Starts a stack and returns it once every node is healthy and the demo channel has a key.
    ///
    /// # Errors
    /// The first thing that goes wrong; nothing is left running then.
    pub async fn start(
        mut setup: Setup,
        options: Options,
        notices: mpsc::Sender<Notice>,
    ) -> Result<Self, Error> {
        if !options.server.is_file() {
            return Err(Error::NoServer(options.server));
        }
        let (sockets, ports) = listen(&setup, options.port).await?;
        setup.relocate(&ports);
        let (balancer, events) = Balancer::new(setup.balancer.clone())?;
        for (number, socket) in sockets.into_iter().enumerate() {
            tokio::spawn(balancer.serve(number, socket, std::future::pending())?);
        }
        let lines = pass_lines(notices.clone());
        let (store, redis) = store::open(&setup.task.store, &options, &lines).await?;
        let failed = |source| Error::Start {
            name: "the stack".to_owned(),
            source,
        };
        let address = Address {
            secure: false,
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: ports[setup.main],
        };
        let (telling, inbox) = mpsc::channel(INBOX);
        let (asking, requests) = mpsc::channel(INBOX);
        let task = &setup.task;
        let backend_key = secret().map_err(failed)?;
        let directory = &options.directory;
        let keys = KeyFile::create(directory, std::process::id(), &backend_key);
        let keys = keys.map_err(|error| Error::Directory {
            path: directory.clone(),
            source: std::io::Error::other(error),
        })?;
        let mut stack = Self {
            url: address.to_string(),
            backend_key,
            keys,
            channel: CHANNEL.to_owned(),
            plugin_key: String::new(),
            nodes: vec![],
            limits: Limits::new(
                task.count,
                task.maximum_percent,
                task.minimum_healthy_percent,
            ),
            setup,
            options,
            store,
            redis,
            started: 0,
            strict: true,
            failures: 0,
            not_before: None,
            rolling: None,
            watchers: vec![],
            balancer,
            metadata: Metadata::listen().await.map_err(failed)?,
            events,
            inbox,
            telling,
            requests,
            asking,
            notices,
            lines,
        };
        stack.watch_redis();
        while !stack.is_steady() {
            stack.step().await?;
        }
        let api = Api {
            address,
            backend_key: stack.backend_key.clone(),
        };
        stack.plugin_key = api.create_key(CHANNEL, &stack.namespaces()).await?;
        stack.strict = false;
        Ok(stack)
    }

    /// Where commands can be sent, which are then carried out while the stack is kept.
    #[must_use]
    pub fn requests(&self) -> mpsc::Sender<Request> {
        self.asking.clone()
    }

    /// Does something without waiting for it, and is told.
    fn later(&self, what: impl Future<Output = Happened> + Send + 'static) {
        let telling = self.telling.clone();
        tokio::spawn(async move {
            // A stack that is gone need not know.
            let _ = telling.send(what.await).await;
        });
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
        let mut all = self.setup.task.environment.iter();
        all.find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }
}
