//! Starting, keeping and stopping a local stack: nodes, balancer, a store where one is needed.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join_all, select_all};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::api::{self, Api};
use super::process::{Line, Process, Spec};
use super::redis;
use super::shape::{Shape, Store};
use crate::balancer::{Balancer, Event, Health};
use crate::socketio::Address;

/// The channel that a new stack can be tried with.
const CHANNEL: &str = "demo";
/// How long a process may take until it listens.
const LISTENING: Duration = Duration::from_secs(30);
/// Between two looks whether it does.
const LOOK: Duration = Duration::from_millis(20);

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
    #[error("no server binary at {}; build it with `cargo build -p server`, or name it with --server-bin", .0.display())]
    NoServer(PathBuf),
    /// The template needs a Redis, and there is none.
    #[error(
        "the template's store is a Redis, and neither redis-server nor valkey-server is on this machine; install one, or give --redis URL"
    )]
    NoRedis,
    /// The balancer's configuration is inconsistent.
    #[error(transparent)]
    Balancer(#[from] crate::balancer::Error),
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
    /// Whether nothing was started because of what the user gave, rather than that what was started failed.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Port { .. } | Self::NoServer(_) | Self::NoRedis | Self::Balancer(_)
        )
    }
}

fn quote(said: &[String]) -> String {
    if said.is_empty() {
        return ", without a word".to_owned();
    }
    let lines: String = said
        .iter()
        .map(|line| format!("\n  {}", super::log::readable(line)))
        .collect();
    format!("; it said last:{lines}")
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

    /// Starts one more node and registers it once it listens: ECS registers a task when it runs.
    async fn add_node(&mut self) -> Result<(), Error> {
        self.started += 1;
        let name = format!("node-{}", self.started);
        let failed = |source| Error::Start {
            name: name.clone(),
            source,
        };
        let address = free_address().map_err(failed)?;
        let mut environment = self.shape.task.environment.clone();
        let local = [
            ("BIND", address.to_string()),
            ("ADMIN_BIND", "127.0.0.1:0".to_owned()),
            ("NODE_ID", name.clone()),
            ("STORE", self.store.clone()),
            ("S2S_KEYS", self.backend_key.clone()),
        ];
        environment.extend(local.map(|(name, value)| (name.to_owned(), value)));
        let program = self.options.server.clone();
        let spec = Spec {
            name: name.clone(),
            program,
            arguments: vec![],
            environment,
        };
        let process =
            Process::start(&self.options.leash, &spec, self.lines.clone()).map_err(failed)?;
        listening(&process, address).await?;
        self.tell(Notice::Started {
            name,
            address,
            pid: process.pid,
        })
        .await;
        self.balancer.register(&self.shape.task.group, address)?;
        self.nodes.push(Node { process, address });
        Ok(())
    }

    /// Waits until every node is healthy.
    async fn all_healthy(&mut self) -> Result<(), Error> {
        loop {
            let healthy = |node: &Node| {
                let targets = self.balancer.targets();
                targets.iter().any(|target| {
                    target.address == node.address && target.health == Health::Healthy
                })
            };
            if self.nodes.iter().all(healthy) {
                return Ok(());
            }
            match self.next().await {
                Happened::Event(event) => {
                    let unhealthy = self.unhealthy(&event);
                    self.tell_event(event).await;
                    if let Some(error) = unhealthy {
                        return Err(error);
                    }
                }
                Happened::Ended(at) => return Err(ended(&self.nodes[at].process)),
            }
        }
    }

    fn unhealthy(&self, event: &Event) -> Option<Error> {
        let Event::Health {
            health: Health::Unhealthy,
            target,
            reason,
            ..
        } = event
        else {
            return None;
        };
        let node = self.nodes.iter().find(|node| node.address == *target)?;
        let (name, said) = (node.process.name.clone(), node.process.last_lines());
        Some(Error::Unhealthy {
            name,
            reason: reason.clone(),
            said,
        })
    }

    /// Keeps the stack as it should be: a node that ends is replaced, as ECS does it.
    ///
    /// # Errors
    /// When a replacement does not come up: it would go on like this.
    pub async fn keep(&mut self) -> Error {
        loop {
            match self.next().await {
                Happened::Event(event) => self.tell_event(event).await,
                Happened::Ended(at) => {
                    let node = self.nodes.remove(at);
                    let (name, status) = (node.process.name.clone(), node.process.exited().await);
                    self.tell(Notice::Ended { name, status }).await;
                    if let Ok(done) = self
                        .balancer
                        .deregister(&self.shape.task.group, node.address)
                    {
                        drop(done);
                    }
                    let replaced = async {
                        self.add_node().await?;
                        self.all_healthy().await
                    };
                    if let Err(error) = replaced.await {
                        return error;
                    }
                }
            }
        }
    }

    /// The next event of the balancer's, or the first node that has ended.
    async fn next(&mut self) -> Happened {
        // Without nodes there is nothing to wait for but events.
        let ends: Vec<_> = self
            .nodes
            .iter()
            .map(|node| node.process.exited().boxed())
            .collect();
        let ended = async {
            if ends.is_empty() {
                std::future::pending().await
            } else {
                select_all(ends).await.1
            }
        };
        tokio::select! {
            Some(event) = self.events.recv() => Happened::Event(event),
            at = ended => Happened::Ended(at),
        }
    }

    async fn tell_event(&self, event: Event) {
        let target = match &event {
            Event::Health { target, .. } | Event::Cut { target, .. } => Some(*target),
            Event::Failed { target, .. } => *target,
        };
        let node = self.nodes.iter().find(|node| Some(node.address) == target);
        let name = node.map(|node| node.process.name.clone());
        self.tell(Notice::Balancer(event, name)).await;
    }

    async fn tell(&self, notice: Notice) {
        // Whoever does not want to know has dropped the receiver.
        let _ = self.notices.send(notice).await;
    }

    /// Stops: no new requests, SIGTERM to every node, and SIGKILL to those that are not gone after the stop timeout
    /// or when `hurry` ends. Returns when no process is left.
    pub async fn stop(self, hurry: impl Future<Output = ()>) {
        for node in &self.nodes {
            if let Ok(done) = self
                .balancer
                .deregister(&self.shape.task.group, node.address)
            {
                drop(done);
            }
            node.process.terminate();
        }
        let gone = join_all(self.nodes.iter().map(|node| node.process.exited()));
        tokio::pin!(gone);
        tokio::select! {
            _ = &mut gone => return,
            () = sleep(self.shape.task.stop_timeout) => {}
            () = hurry => {}
        }
        for node in self
            .nodes
            .iter()
            .filter(|node| node.process.exit().is_none())
        {
            node.process.kill();
            self.tell(Notice::Killed(node.process.name.clone())).await;
        }
        gone.await;
    }
}

enum Happened {
    Event(Event),
    Ended(usize),
}

fn ended(process: &Process) -> Error {
    let status = process.exit().unwrap_or_default();
    Error::Ended {
        name: process.name.clone(),
        status,
        said: process.last_lines(),
    }
}

/// A socket for each listener: the main one on `port`, the others on any.
async fn listen(shape: &Shape, port: u16) -> Result<(Vec<TcpListener>, Vec<u16>), Error> {
    let (mut sockets, mut ports) = (vec![], vec![]);
    for number in 0..shape.balancer.listeners.len() {
        let port = if number == shape.main { port } else { 0 };
        let failed = |source| Error::Port { port, source };
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(failed)?;
        ports.push(socket.local_addr().map_err(failed)?.port());
        sockets.push(socket);
    }
    Ok((sockets, ports))
}

/// The lines of every process, as notices.
fn pass_lines(notices: mpsc::Sender<Notice>) -> mpsc::Sender<Line> {
    let (lines, mut received) = mpsc::channel(256);
    tokio::spawn(async move {
        while let Some(line) = received.recv().await {
            let _ = notices.send(Notice::Line(line)).await;
        }
    });
    lines
}

/// The server's store, and the Redis that was started for it.
async fn store(
    store: &Store,
    options: &Options,
    lines: mpsc::Sender<Line>,
) -> Result<(String, Option<Process>), Error> {
    match (store, &options.redis) {
        (Store::Own(own), _) => Ok((own.clone(), None)),
        (Store::Redis, Some(url)) => Ok((url.clone(), None)),
        (Store::Redis, None) => {
            let program = redis::installed().await.ok_or(Error::NoRedis)?;
            let failed = |source| Error::Start {
                name: "redis".to_owned(),
                source,
            };
            let address = free_address().map_err(failed)?;
            let spec = redis::spec(program, address);
            let process = Process::start(&options.leash, &spec, lines).map_err(failed)?;
            listening(&process, address).await?;
            Ok((format!("redis://{address}"), Some(process)))
        }
    }
}

/// Waits until a process accepts connections.
async fn listening(process: &Process, address: SocketAddr) -> Result<(), Error> {
    let accepts = async {
        while TcpStream::connect(address).await.is_err() {
            sleep(LOOK).await;
        }
    };
    tokio::select! {
        _ = process.exited() => Err(ended(process)),
        accepted = timeout(LISTENING, accepts) => accepted.map_err(|_| Error::Deaf {
            name: process.name.clone(),
            address,
            said: process.last_lines(),
        }),
    }
}

/// An address that nobody listens on. Another process could take it before the one that it is for; that one then ends
/// and says so.
fn free_address() -> std::io::Result<SocketAddr> {
    StdListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A backend key: 128 random bits.
fn secret() -> std::io::Result<String> {
    let mut bytes = [0_u8; 16];
    // So few bytes come whole, or not at all.
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
