//! One node: its parts put together, its listeners served, its end spread over the drain.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::api;
use crate::ban;
use crate::ban_exchange;
use crate::clock::Clock;
use crate::connection::{Listener, open_file_limit};
use crate::delivery::{Context, Hub, Recorder, Suspects, Tuning, Turns};
use crate::metrics::Metrics;
use crate::purge;
use crate::settings::{Settings, StoreSettings};
use crate::socketio::{Gate, Handler};
use crate::store::{Embedded, Redis, Store, Timed};
use crate::task_protection;
use crate::tasks::{Ended, Tasks};

/// Mailboxes that are read for sockets at the same time.
const READS: usize = 64;
/// The part of the drain over which sessions are closed; the rest is for what is still on its way.
const SPREAD: f64 = 0.75;
/// The part of it for requests that are still being answered.
const LAST_REQUESTS: f64 = 0.1;
/// How long what was acknowledged last may take to be stored.
const LAST_RECEIPTS: Duration = Duration::from_secs(3);

/// A node that serves.
pub struct Node {
    /// The address of the public listener.
    pub address: SocketAddr,
    /// The address of the listener of `/metrics`.
    pub admin_address: SocketAddr,
    handler: Arc<Handler>,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

/// Opens the store that the settings name; `tasks` are those that the node lives by.
///
/// # Errors
/// When it cannot be opened; says where.
pub async fn open_store(settings: &Settings, tasks: &Tasks) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match &settings.store {
        StoreSettings::Memory => Arc::new(Embedded::in_memory()?),
        StoreSettings::File(directory) => Arc::new(open_embedded(directory, tasks)?),
        StoreSettings::Redis(redis) => {
            let connected = Redis::connect(redis, &settings.s2s_keys, tasks).await;
            Arc::new(
                connected.with_context(|| format!("STORE={}: Redis cannot be used", redis.url))?,
            )
        }
    })
}

fn open_embedded(directory: &Path, tasks: &Tasks) -> anyhow::Result<Embedded> {
    Embedded::open(directory, tasks).with_context(|| {
        format!(
            "STORE=file:{}: the database cannot be opened",
            directory.display()
        )
    })
}

impl Node {
    /// Starts a node on `store`: when this returns, it answers. It lives by `tasks`, of which the
    /// store's are some.
    ///
    /// # Errors
    /// When the store does not tell the time, or an address is taken; says which setting is
    /// concerned.
    pub async fn start(
        settings: Settings,
        store: Arc<dyn Store>,
        tasks: &Tasks,
        tuning: Tuning,
    ) -> anyhow::Result<Self> {
        let settings = Arc::new(settings);
        let metrics = Arc::new(Metrics::new());
        let connections = connections(&settings)?;
        let admission = Admission::new(settings.limits.clone(), connections, metrics.clone());
        tasks.spawn("forget_clients", admission.clone().run());
        let listener = Listener::bind(
            settings.bind,
            admission.clone(),
            settings.keep_alive,
            metrics.clone(),
        )
        .with_context(|| format!("BIND={}: cannot listen", settings.bind))?;
        let admin = TcpListener::bind(settings.admin_bind)
            .await
            .with_context(|| format!("ADMIN_BIND={}: cannot listen", settings.admin_bind))?;
        let (address, admin_address) = (listener.address()?, admin.local_addr()?);

        let handler = assemble(settings, admission, store, metrics, tasks, tuning).await?;
        tasks.spawn("look_ahead", task_protection::run(handler.clone())?);
        let gate = Gate::new(handler.clone());
        let router = api::router(&handler, gate);
        let stop = CancellationToken::new();
        let serving = listener.serve(router, stop.clone());
        let served = tasks.spawn_until("serve", stop.clone(), serving);
        tasks.spawn("serve_admin", serve_admin(admin, handler.clone()));
        tracing::info!(%address, %admin_address, connections, version = env!("CARGO_PKG_VERSION"), "ready");
        Ok(Self {
            address,
            admin_address,
            handler,
            stop,
            served,
        })
    }

    /// Takes no new sessions and closes those there are, spread like those of a drain; everything
    /// else goes on.
    pub async fn move_clients(&self) {
        self.handler.start_draining();
        let spread = self.handler.settings.drain.mul_f64(SPREAD);
        self.handler.sessions.drain(spread).await;
    }

    /// Leaves: takes no new sessions, closes those there are spread over the drain, stores what was
    /// acknowledged.
    ///
    /// # Errors
    /// When the time for it ran out; says what was still there.
    pub async fn drain(self) -> anyhow::Result<()> {
        let (drain, start) = (self.handler.settings.drain, Instant::now());
        self.handler.start_draining();
        let sessions = self.handler.sessions.list().len();
        tracing::info!(sessions, "draining");
        let left = async {
            self.handler.sessions.drain(drain.mul_f64(SPREAD)).await;
            // Handshakes that were on their way when the draining began.
            self.handler.sessions.drain(Duration::ZERO).await;
            self.stop.cancel();
            // Before waiting for requests that may hang, and again for what they have brought.
            let recorder = &self.handler.context.recorder;
            recorder.flush(LAST_RECEIPTS).await;
            let served = tokio::time::timeout(drain.mul_f64(LAST_REQUESTS), self.served).await;
            (served, recorder.flush(LAST_RECEIPTS).await)
        };
        match tokio::time::timeout(drain.mul_f64(0.95), left).await {
            Ok((Ok(_), true)) => {
                tracing::info!(ms = start.elapsed().as_millis(), "drained");
                Ok(())
            }
            Ok((_, false)) => {
                bail!("the last receipts could not be stored; what they say is delivered again")
            }
            Ok((Err(_), _)) => bail!("some requests did not end in time"),
            Err(_) => bail!(
                "DRAIN={drain:?} is over with {} sessions left",
                self.handler.sessions.list().len()
            ),
        }
    }

    /// Waits until one of the tasks has ended that the node lives by.
    pub fn ended(&self) -> impl Future<Output = Ended> + Send + use<> {
        let tasks = self.handler.context.tasks.clone();
        async move { tasks.ended().await }
    }

    /// The node's Socket.IO side.
    #[must_use]
    pub fn handler(&self) -> &Arc<Handler> {
        &self.handler
    }
}

/// How many connections the node admits: as many as the settings say, if it may have so many open
/// files.
fn connections(settings: &Settings) -> anyhow::Result<u32> {
    let possible = open_file_limit().map_err(anyhow::Error::msg)?;
    match settings.limits.connections {
        Some(wanted) if wanted > possible => {
            tracing::warn!(
                wanted,
                possible,
                "MAX_CONNECTIONS is above what the limit of open files leaves room for; raise \
                 `ulimit -n`"
            );
            Ok(possible)
        }
        wanted => Ok(wanted.unwrap_or(possible)),
    }
}

async fn assemble(
    settings: Arc<Settings>,
    admission: Arc<Admission>,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    tasks: &Tasks,
    tuning: Tuning,
) -> anyhow::Result<Arc<Handler>> {
    let store = Arc::new(Timed::new(store, metrics.clone()));
    let asked = Instant::now();
    let micros = store
        .now()
        .await
        .context("STORE: its clock cannot be read")?;
    let clock = Clock::starting_at(micros);
    clock.measure(micros, asked, false);
    let context = Arc::new(Context {
        node: settings.node_id.as_str().into(),
        recorder: Recorder::start(store.clone(), metrics.clone(), tasks),
        tasks: tasks.clone(),
        reads: Turns::new(READS),
        store,
        clock,
        metrics,
        suspects: Suspects::default(),
        bans: broadcast::Sender::new(ban::QUEUE),
        unacknowledged: settings.unacknowledged.clone(),
        tuning,
        max_payload: settings.max_payload,
    });
    let hub = Hub::new(context.clone());
    hub.start().await;
    tasks.spawn("purge", purge::run(context.clone()));
    let sharing = ban_exchange::run(context.clone(), admission.clone());
    tasks.spawn("share_bans", sharing);
    Ok(Handler::new(settings, admission, context, hub))
}

/// Serves what must not pass the load balancer.
async fn serve_admin(listener: TcpListener, handler: Arc<Handler>) {
    let router = Router::new()
        .route("/metrics", get(api::metrics_page))
        .with_state(handler);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the admin listener broke");
    }
}
