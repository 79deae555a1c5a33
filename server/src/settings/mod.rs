//! The server's settings: the only place that reads the environment. All mistakes are reported at
//! once. Names, grammars, ranges and defaults are those of the `timeouts` crate: the deployer
//! refuses what the server would.

mod limits;
mod parse;
mod token_keys;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};

use timeouts::Setting;

use crate::admission::Limits;
use crate::backends::BackendKeys;
use crate::tokens::TokenKeys;
use parse::Reader;

/// Where values come from; tests bring their own.
pub trait Environment {
    /// The variable's value, if it is set and not empty.
    fn get(&self, name: &str) -> Option<String>;
}

/// The process's environment.
#[derive(Debug, Clone, Copy)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one file that reads the environment"
    )]
    fn get(&self, name: &str) -> Option<String> {
        // What is no Unicode is no right value either: it is shown as far as it can be, and
        // refused.
        let value = std::env::var_os(name)?.to_string_lossy().into_owned();
        (!value.is_empty()).then_some(value)
    }
}

/// Every mistake found in the environment, a line each.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} mistake{} in the settings:",
            self.0.len(),
            if self.0.len() == 1 { "" } else { "s" }
        )?;
        self.0
            .iter()
            .try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for Mistakes {}

/// Where messages and keys are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreSettings {
    /// In memory: gone with the process.
    Memory,
    /// An embedded database in this directory.
    File(PathBuf),
    /// A Redis or Valkey that nodes share.
    Redis(RedisSettings),
}

/// Where a Redis is, and how to log in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RedisSettings {
    /// `redis://host:port/database`, or `rediss://…` with TLS; without credentials.
    pub url: String,
    /// The ACL user; none for the default user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// The sentinels' ACL user; none for the default user.
    pub sentinel_username: Option<String>,
    /// Its password.
    pub sentinel_password: Option<String>,
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("url", &self.url)
            .field("username", &self.username)
            .field("sentinel_username", &self.sentinel_username)
            .finish_non_exhaustive()
    }
}

/// The Socket.IO transports that clients may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transports {
    /// HTTP long-polling.
    pub polling: bool,
    /// WebSocket.
    pub websocket: bool,
}

impl Transports {
    /// The transports' names, in the order in which a client tries them.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        let names = [(self.polling, "polling"), (self.websocket, "websocket")];
        names
            .into_iter()
            .filter(|(used, _)| *used)
            .map(|(_, name)| name.to_owned())
            .collect()
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// How metrics leave the process, beside `/metrics`, which is always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telemetry {
    /// Prometheus fetches them.
    Prometheus,
    /// A line a minute in the log, of which CloudWatch makes metrics.
    Emf,
    /// They are sent to an OpenTelemetry collector.
    Otlp(OtlpSettings),
}

/// Where and how often metrics are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpSettings {
    /// Where they are posted.
    pub url: Uri,
    /// From one sending to the next.
    pub interval: Duration,
}

/// Settings of one server process, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The public listener.
    pub bind: SocketAddr,
    /// The listener of `/metrics`, which must not be reachable through the load balancer.
    pub admin_bind: SocketAddr,
    /// The path of Socket.IO, without a slash at its end.
    pub socket_path: String,
    /// The namespaces that exist.
    pub namespaces: Vec<String>,
    /// Those of them whose messages ask for no acknowledgement.
    pub unacknowledged: Vec<String>,
    /// From one heartbeat to the next.
    pub ping_interval: Duration,
    /// How long a heartbeat may stay unanswered.
    pub ping_timeout: Duration,
    /// Bytes that a client may send in one message or polling body.
    pub max_payload: usize,
    /// Bytes of `data` that a backend may publish.
    pub max_message: usize,
    /// The transports that clients may use.
    pub transports: Transports,
    /// How long an idle HTTP connection is kept.
    pub keep_alive: Duration,
    /// How long a session may live without joining a namespace.
    pub join_timeout: Duration,
    /// From SIGTERM to exit.
    pub drain: Duration,
    /// Where messages and keys are kept.
    pub store: StoreSettings,
    /// The keys that backends authenticate with.
    pub s2s_keys: BackendKeys,
    /// The keys by which signed tokens of plugins are judged; none takes no token.
    pub token_keys: Option<TokenKeys>,
    /// The origins that browsers may connect from.
    pub cors_origins: Vec<HeaderValue>,
    /// Who is let in, and how much each may have.
    pub limits: Limits,
    /// The load balancer's idle timeout, where the deployer has said it.
    pub idle_timeout: Option<Duration>,
    /// Whether to start although a timeout rule is violated.
    pub allow_rule_violations: bool,
    /// This node's name in logs and in `x-node-id`.
    pub node_id: String,
    /// Where ECS tells a task of itself; ECS sets `ECS_CONTAINER_METADATA_URI_V4`.
    pub task_metadata: Option<Uri>,
    /// How metrics leave the process.
    pub telemetry: Telemetry,
    /// Deliveries within the next minute from which ECS must not stop the task to scale in.
    pub peak_deliveries: Option<u32>,
    /// Where the ECS agent takes that; ECS sets `ECS_AGENT_URI`.
    pub ecs_agent: Option<Uri>,
    /// The service's name in CloudWatch and in OTLP.
    pub service_name: String,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Log lines below the level `warn` that are written in a second.
    pub log_lines: Option<u32>,
    /// What is logged: a level, or directives of `tracing_subscriber::EnvFilter`.
    pub log_level: String,
}

impl Settings {
    /// Reads all settings.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn read(environment: &dyn Environment) -> Result<Self, Mistakes> {
        let mut r = Reader::new(environment);
        let mut settings = Self {
            bind: r.address(Setting::BindPort),
            admin_bind: r.address(Setting::AdminBind),
            socket_path: r.text(Setting::SocketPath),
            namespaces: r.list(Setting::Namespaces),
            unacknowledged: Vec::new(),
            ping_interval: r.duration(Setting::PingInterval),
            ping_timeout: r.duration(Setting::PingTimeout),
            max_payload: r.number(Setting::MaxPayload),
            max_message: r.number(Setting::MaxMessage),
            transports: r.transports(),
            keep_alive: r.duration(Setting::KeepAlive),
            join_timeout: r.duration(Setting::JoinTimeout),
            drain: r.duration(Setting::Drain),
            store: r.store(),
            s2s_keys: r.backend_keys(),
            token_keys: r.token_keys(),
            cors_origins: r.origins(),
            limits: r.limits(),
            idle_timeout: r.optional_duration(Setting::IdleTimeout),
            allow_rule_violations: r.flag(Setting::AllowRuleViolations),
            node_id: r.node_id(),
            task_metadata: r.address_of("ECS_CONTAINER_METADATA_URI_V4"),
            telemetry: r.telemetry(),
            peak_deliveries: r.limit(Setting::PeakDeliveries),
            ecs_agent: r.address_of("ECS_AGENT_URI"),
            service_name: r.text(Setting::MetricsService),
            log_format: r.log_format(),
            log_level: r.text(Setting::LogLevel),
            log_lines: r.limit(Setting::LogLinesPerSecond),
        };
        settings.unacknowledged =
            r.some_of(Setting::UnacknowledgedNamespaces, &settings.namespaces);
        r.finish(settings)
    }
}
