//! Starting, keeping and stopping a local stack: nodes, balancer, a store where one is needed.

mod error;
mod launch;
mod leave;
mod node;
pub mod notice;
mod reconcile;
mod redis;
mod request;
mod rollout;
mod schedule;
mod shards;
mod store;
mod watcher;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::api::Api;
use super::control::Request;
use super::kept::Kept;
use super::metadata::Metadata;
use super::pages::{self, Pages};
use super::process::Line;
use super::redis::{Data, Endpoint};
use super::setup::Setup;
use super::state::{KeyFile, Local, newest};
use alb_model::{Balancer, Event};
pub use error::Error;
use launch::{listen, pass_lines, secret};
pub use node::Node;
pub use notice::Notice;
use redis::Redis;
use rollout::Rolling;
use schedule::Limits;
use socketio_client::{Address, Session, Settings};
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
    /// The port of the balancer that backends have for themselves, where there is one; 0 for any.
    pub api_port: u16,
    /// A Redis instead of AWS's, where the template has one; none: one is started.
    pub redis: Option<String>,
    /// The directory of running stacks, for what their stores hold.
    pub directory: PathBuf,
    /// What the stacks of an environment keep over their end.
    pub kept: Option<Arc<Kept>>,
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
    /// The Redis of this name accepts connections, or does not.
    RedisListens(String, Result<(), Error>),
    /// The process of the Redis of this name has ended.
    RedisEnded(String),
    /// Somebody asks for something.
    Asked(Request),
    /// It is time to look again.
    Again,
}

/// A running stack. Dropping it kills every process.
pub struct Stack {
    /// The balancer's URL.
    pub url: String,
    /// The URL of the balancer that backends have for themselves, where there is one.
    pub api_url: Option<String>,
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
    /// The store of a single task's, where it is not kept.
    _data: Option<Data>,
    pages: Pages,
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
        let (sockets, ports) = listen(&setup, (options.port, options.api_port)).await?;
        setup.relocate(&ports);
        let failed = |source| Error::Start {
            name: "the stack".to_owned(),
            source,
        };
        let pages = Pages::listen().await.map_err(failed)?;
        pages::route(&mut setup.balancer, setup.main);
        let (balancer, events) = Balancer::new(setup.balancer.clone())?;
        for (number, socket) in sockets.into_iter().enumerate() {
            tokio::spawn(balancer.serve(number, socket, std::future::pending())?);
        }
        balancer.register(pages::GROUP, pages.address)?;
        let lines = pass_lines(notices.clone());
        let (store, redis, data) = store::open(&setup.task, &options, &lines).await?;
        let at = |listener: usize| Address {
            secure: false,
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: ports[listener],
        };
        let address = at(setup.main);
        let api = setup.backends.map(at);
        let (telling, inbox) = mpsc::channel(INBOX);
        let (asking, requests) = mpsc::channel(INBOX);
        let task = &setup.task;
        let (keys, backend_key) = backend_keys(&options).map_err(failed)?;
        let directory = &options.directory;
        let kept = options.kept.as_ref().map(|kept| kept.backend_keys());
        let keys = KeyFile::create(directory, std::process::id(), &keys, kept.as_deref());
        let keys = keys.map_err(|error| Error::Directory {
            path: directory.clone(),
            source: std::io::Error::other(error),
        })?;
        let mut stack = Self {
            url: address.to_string(),
            api_url: api.as_ref().map(Address::to_string),
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
            _data: data,
            pages,
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
        stack.plugin_key = stack.demo_key(address, api).await?;
        stack.strict = false;
        stack.pages.tell(&stack.local());
        Ok(stack)
    }

    /// The demo channel's key: the one that the stack before this one had, where the store still
    /// knows it, or a new one.
    async fn demo_key(&self, address: Address, api: Option<Address>) -> Result<String, Error> {
        let kept = self.options.kept.as_ref();
        if let Some(key) = kept.and_then(|kept| kept.plugin_key())
            && self.admits(&address, &key).await
        {
            return Ok(key);
        }
        let api = Api {
            address: api.unwrap_or(address),
            backend_key: self.backend_key.clone(),
        };
        let plugin = api.create_key(CHANNEL, &self.namespaces()).await?;
        if let Some(kept) = kept {
            kept.keep_plugin_key(&plugin)
                .map_err(|source| Error::Start {
                    name: "the stack".to_owned(),
                    source,
                })?;
        }
        Ok(plugin)
    }

    /// Whether a plugin key opens each namespace.
    async fn admits(&self, address: &Address, key: &str) -> bool {
        for namespace in self.namespaces() {
            let settings = Settings {
                address: address.clone(),
                path: self.socket_path(),
                namespace: format!("/{namespace}"),
                key: Some(key.to_owned()),
            };
            match Session::connect(&settings).await {
                Ok(session) => session.close().await,
                Err(_) => return false,
            }
        }
        true
    }

    /// What others are told of the stack.
    #[must_use]
    pub fn local(&self) -> Local {
        Local {
            url: self.url.clone(),
            api_url: self.api_url.clone(),
            backend_key: self.backend_key.clone(),
            channel: self.channel.clone(),
            plugin_key: self.plugin_key.clone(),
            path: self.socket_path(),
            namespaces: self.namespaces(),
            pid: std::process::id(),
        }
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

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let mut all = self.setup.task.environment.iter();
        all.find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The text of the backend keys that the stack before this one had, or a new one; and the newest of
/// them.
fn backend_keys(options: &Options) -> std::io::Result<(String, String)> {
    if let Some(kept) = &options.kept {
        let path = kept.backend_keys();
        if let (Some(newest), Ok(text)) = (newest(&path), std::fs::read_to_string(&path)) {
            return Ok((text, newest));
        }
    }
    let key = secret()?;
    Ok((key.clone(), key))
}
