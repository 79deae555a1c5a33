//! One run: nodes behind the balancer, clients, a load, and the books that say at the end what came
//! of it. What goes wrong meanwhile is up to the scenario.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Instant, sleep};

use crate::backend::Backend;
use crate::clients::{Client, Clients};
use crate::event::{Ms, now};
use crate::network::Network;
use crate::publisher::{Load, Publisher, lock};
use crate::report::Report;
use crate::stack::{Options, Stack};
use crate::tracker::{Audience, Tracker};

/// How long clients may take to connect at first, or to be back.
const CONNECTED: Duration = Duration::from_secs(240);
/// From the end of all trouble until everything has come and is acknowledged: two repeats fit in.
const SETTLED: Duration = Duration::from_secs(75);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Calls for keys or messages at a time.
const AT_A_TIME: usize = 16;

/// Who takes part.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    pub(crate) nodes: usize,
    pub(crate) clients: usize,
    pub(crate) channels: usize,
    pub(crate) transports: Transports,
    /// Whether clients drop their connections.
    pub(crate) flaky: bool,
    /// Whether every third client breaks at poison.
    pub(crate) breaking: bool,
    /// Whether the network between clients and nodes can go silent; heartbeats are quick then.
    pub(crate) silent: bool,
    /// The server binary, where it is not the one built beside this program.
    pub(crate) server: Option<PathBuf>,
}

/// A run.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    pub(crate) tracker: Arc<Mutex<Tracker>>,
    pub(crate) clients: Clients,
    pub(crate) backend: Backend,
    cast: Cast,
    network: Option<Network>,
    publisher: Option<Publisher>,
    remarks: Vec<String>,
}

/// How clients connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transports {
    /// In every way: WebSocket alone, polling with its upgrade, polling alone.
    All,
    WebSocket,
}

impl Transports {
    fn of(self, client: usize) -> &'static [&'static str] {
        match (self, client % 5) {
            (Self::WebSocket, _) | (Self::All, 0 | 1) => &["websocket"],
            (Self::All, 2 | 3) => &["polling", "websocket"],
            (Self::All, _) => &["polling"],
        }
    }
}

impl Stage {
    /// Starts everything but the load, and returns once every client is connected.
    ///
    /// # Errors
    /// When something does not start, or a client is not let in.
    pub(crate) async fn set(cast: Cast, redis: &str, directory: &Path) -> anyhow::Result<Self> {
        let options = Options {
            nodes: cast.nodes,
            redis: redis.to_owned(),
            server: cast.server.clone(),
            quick: cast.silent,
        };
        let stack = Stack::start(&options, directory).await?;
        let backend = Backend::new(&stack.url, &stack.backend_key)?;
        let channel = |n: usize| n % cast.channels;
        let clients: Vec<Client> = stream::iter(0..cast.clients)
            .map(|n| {
                let backend = &backend;
                let (flaky, transports) = (cast.flaky, cast.transports.of(n));
                let breaks = cast.breaking && n % 3 == 0;
                async move {
                    let key = backend.key(channel(n)).await?;
                    anyhow::Ok(Client {
                        n,
                        key,
                        transports,
                        flaky,
                        breaks,
                    })
                }
            })
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        let tracker = Tracker::new((0..cast.clients).map(channel));
        let tracker = Arc::new(Mutex::new(tracker));
        let network = match cast.silent {
            true => Some(Network::start(stack.address()?).await?),
            false => None,
        };
        let url = network.as_ref().map_or(stack.url.clone(), Network::url);
        let clients = Clients::start(&url, &clients, &tracker, directory).await?;
        let stage = Self {
            stack,
            tracker,
            clients,
            backend,
            cast,
            network,
            publisher: None,
            remarks: Vec::new(),
        };
        // Flaky ones are never all there at once.
        let wanted = stage.cast.clients * if stage.cast.flaky { 4 } else { 5 } / 5;
        anyhow::ensure!(
            stage.until_back(wanted, 0.0).await,
            "{} of {wanted} clients are connected after {CONNECTED:?}",
            lock(&stage.tracker).back_since(0.0)
        );
        Ok(stage)
    }

    /// Whether so many clients have joined since then and are connected, within the time for it.
    async fn until_back(&self, wanted: usize, since: Ms) -> bool {
        let start = Instant::now();
        while lock(&self.tracker).back_since(since) < wanted {
            if start.elapsed() > CONNECTED {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }

    /// Has the network swallow what is sent on the connections that are open.
    pub(crate) fn swallow(&self) {
        self.network.as_ref().inspect(|network| network.swallow());
    }

    /// Begins to publish.
    pub(crate) fn publish(&mut self, load: Load) {
        let publisher = Publisher::start("m", self.backend.clone(), load, self.tracker.clone());
        self.publisher = Some(publisher);
    }

    /// Ends the load, and returns once every message is accepted, or its time is up.
    pub(crate) async fn stop_publishing(&mut self) {
        let Some(publisher) = self.publisher.take() else {
            return;
        };
        let (refusals, slowest) = publisher.finish().await;
        if refusals.is_empty() {
            return;
        }
        let told = refusals.iter().map(|(status, count)| match status {
            0 => format!("{count} without an answer"),
            status => format!("{count} with {status}"),
        });
        let told: Vec<String> = told.collect();
        self.remark(format!(
            "publishing was tried again after {}; the slowest 503 took {slowest:.0} ms",
            told.join(", ")
        ));
    }

    /// A line for the report.
    pub(crate) fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// Something failed on purpose, since then until now.
    pub(crate) fn mark(&self, what: &str, from: Ms) {
        lock(&self.tracker).mark(what, from, now());
    }

    /// Something that must not happen.
    pub(crate) fn fault(&self, what: String) {
        lock(&self.tracker).fault(what);
    }

    /// Waits until every client has joined since then and is connected, for four minutes at most.
    pub(crate) async fn all_back(&self, since: Ms) {
        let clients = lock(&self.tracker).clients();
        if !self.until_back(clients, since).await {
            let missing = clients - lock(&self.tracker).back_since(since);
            self.fault(format!(
                "{missing} clients are not back after {CONNECTED:?}"
            ));
        }
    }

    /// Ends the load, waits until everything has come, or for as long as it may take, and adds up.
    ///
    /// # Errors
    /// When the server does not tell what it knows.
    pub(crate) async fn settle(mut self, name: &str) -> anyhow::Result<Report> {
        self.clients.calm().await?;
        self.stop_publishing().await;
        self.all_back(0.0).await;
        let start = Instant::now();
        let (acknowledged, unknown) = loop {
            let missing = lock(&self.tracker).missing(now()).len();
            if missing == 0 || start.elapsed() > SETTLED {
                let (acknowledged, unknown) = self.acknowledged().await?;
                if unknown == 0 || start.elapsed() > SETTLED {
                    break (acknowledged, unknown);
                }
            }
            sleep(LOOK).await;
        };
        if unknown > 0 {
            self.fault(format!(
                "{unknown} acknowledgements are unknown to the store"
            ));
        }
        let mut tally = lock(&self.tracker).tally(now());
        tally.acknowledged = acknowledged;
        Ok(Report {
            name: name.to_owned(),
            tally,
            remarks: self.remarks,
        })
    }

    /// Acknowledgements that the store knows of, and how many of the messages that clients have it
    /// lacks.
    async fn acknowledged(&self) -> anyhow::Result<(usize, usize)> {
        let channels = (0..self.cast.channels).map(Audience::Channel);
        let mailboxes = channels.chain([Audience::Everyone]);
        let known: Vec<_> = stream::iter(mailboxes)
            .map(|mailbox| self.backend.acknowledged(mailbox))
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        let tracker = lock(&self.tracker);
        let wanted = tracker.reached(now());
        let mut wanting: usize = 0;
        let mut total = 0;
        for (id, keys) in known.iter().flatten() {
            total += keys;
            let wanted = wanted.get(id.as_str()).copied().unwrap_or_default();
            wanting += wanted.saturating_sub(*keys);
        }
        Ok((total, wanting))
    }
}

/// Runs `trouble` again and again for as long as `during`.
///
/// # Errors
/// Those of `trouble`.
pub(crate) async fn again_and_again(
    during: Duration,
    mut trouble: impl AsyncFnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    while start.elapsed() < during {
        trouble().await?;
    }
    Ok(())
}
