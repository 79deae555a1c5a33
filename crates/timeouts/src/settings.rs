//! Every setting that a rule looks at. Keys are those of environment files; settings that only a
//! template or AWS shows have keys of the same form.
//!
//! Longer than most: one table.

use crate::grammar::Grammar;
use crate::setting::{DefaultValue, Spec};
use crate::value::Kind;

/// Declares the settings: one row each, with the facts as a [`Spec`].
macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident($key:literal, $title:literal) $(.$fact:ident($($argument:expr),*))*;)+) => {
        /// A setting that lies on the way between a client and its server.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Setting {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Setting {
            /// All settings, in the order of the way from the server to the proxies in front.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What is known about this setting.
            #[must_use]
            pub fn spec(self) -> &'static Spec {
                match self {
                    $(Self::$name => {
                        const SPEC: Spec = Spec::new(Kind::$kind, $key, $title, concat!($($doc),+))$(.$fact($($argument),*))*;
                        &SPEC
                    })+
                }
            }
        }
    };
}

const HOUR: u64 = 3_600;
const WEEK: u64 = 604_800;
const TRANSPORTS: &[&str] = &["polling", "websocket"];

settings! {
    // The server.
    /// The time between two pings of the heartbeat.
    PingInterval: Duration("server.ping_interval", "ping interval")
        .variable("PING_INTERVAL").range(100, HOUR * 1000).socket_io(DefaultValue::Seconds(25))
        .default("60s");
    /// How long the answer to a ping may take until the client counts as gone.
    PingTimeout: Duration("server.ping_timeout", "ping timeout")
        .variable("PING_TIMEOUT").range(100, HOUR * 1000).socket_io(DefaultValue::Seconds(20))
        .default("4m");
    /// How long an upgrade from polling to WebSocket may take.
    UpgradeTimeout: Duration("server.upgrade_timeout", "upgrade timeout")
        .not_in_file().range(1, HOUR * 1000).socket_io(DefaultValue::Seconds(10));
    /// How long an idle HTTP connection is kept. It must outlast the load balancer's idle timeout.
    KeepAlive: Duration("server.keep_alive", "keep-alive")
        .variable("KEEP_ALIVE").range(1_000, 24 * HOUR * 1000).default("320s");
    /// How long the headers of a request may take.
    HeadersTimeout: Duration("server.headers_timeout", "headers timeout").not_in_file();
    /// A session that has joined no namespace by then is closed.
    JoinTimeout: Duration("server.join_timeout", "join timeout")
        .variable("JOIN_TIMEOUT").range(100, 600_000).socket_io(DefaultValue::Seconds(45))
        .default("10s");
    /// The time from SIGTERM to exit, in which clients are moved. It must end before the stop
    /// timeout.
    Drain: Duration("server.drain", "drain").variable("DRAIN").range(1_000, 600_000).default("25s");
    /// From the start of the process until its first passing health check.
    StartUp: Duration("server.start_up", "start-up time").not_in_file();
    /// The bytes that a client may send in one message, on polling and on WebSocket.
    MaxPayload: Bytes("server.max_payload", "largest client message")
        .variable("MAX_PAYLOAD").range(256, 1_048_576).socket_io(DefaultValue::Count(1_000_000))
        .default("1024");
    /// The bytes of `data` that a backend may publish in one message.
    MaxMessage: Bytes("server.max_message", "largest published message")
        .variable("MAX_MESSAGE").range(1, 1_048_576).default("16384");
    /// The transports that clients may use: `polling`, `websocket`.
    Transports: List("server.transports", "transports")
        .variable("TRANSPORTS").socket_io(DefaultValue::List(&["polling", "websocket"]))
        .default("polling,websocket").grammar(Grammar::Words(TRANSPORTS));
    /// The Socket.IO protocols that the server speaks: `4` (client v2) and `5` (v3 and v4).
    Protocols: List("server.protocols", "Socket.IO protocols").not_in_file();
    /// The Socket.IO path.
    SocketPath: Text("server.path", "Socket.IO path")
        .variable("SOCKET_PATH").socket_io(DefaultValue::Text("/socket.io"))
        .default("/websockets").grammar(Grammar::SocketPath);
    /// The other paths that the server answers, as prefixes.
    ServedPaths: List("server.served_paths", "served paths").not_in_file();
    /// The origins of the pages that may connect, exactly: `https://studio.example.com`.
    CorsOrigins: List("server.cors_origins", "CORS origins")
        .variable("CORS_ORIGINS").socket_io(DefaultValue::List(&[])).default("")
        .grammar(Grammar::Origins);
    /// The port that the server listens on.
    BindPort: Count("server.port", "server's port")
        .not_in_file().variable("BIND").range(0, 65_535).default("0.0.0.0:8080")
        .grammar(Grammar::Address);
    /// The listener of `/metrics`. It must not be reachable through the load balancer.
    AdminBind: Count("server.admin_bind", "admin listener")
        .not_in_file().variable("ADMIN_BIND").default("127.0.0.1:9100").grammar(Grammar::Address);
    /// The Socket.IO namespaces that exist, without their slash. An unknown one is refused.
    Namespaces: List("server.namespaces", "namespaces")
        .variable("NAMESPACES").default("dropcodes,donations").grammar(Grammar::Names);
    /// The namespaces whose messages ask for no acknowledgement: each is shown once a connection.
    /// They are among the namespaces.
    UnacknowledgedNamespaces: List("server.unacknowledged_namespaces", "namespaces without acknowledgements")
        .variable("UNACKNOWLEDGED_NAMESPACES").default("").grammar(Grammar::NamesOrNone);
    /// The user of the store's access control list; the default user unless set.
    StoreUsername: Text("server.store_username", "store's user")
        .not_in_file().variable("STORE_USERNAME");
    /// The store's password. It is a secret.
    StorePassword: Text("server.store_password", "store's password")
        .not_in_file().variable("STORE_PASSWORD");
    /// A file that holds the store's password.
    StorePasswordFile: Text("server.store_password_file", "file of the store's password")
        .not_in_file().variable("STORE_PASSWORD_FILE");
    /// The user of the sentinels' access control list; the default user unless set. Sentinels are
    /// never shown the store's credentials.
    SentinelUsername: Text("server.store_sentinel_username", "sentinels' user")
        .not_in_file().variable("STORE_SENTINEL_USERNAME");
    /// The sentinels' password. It is a secret.
    SentinelPassword: Text("server.store_sentinel_password", "sentinels' password")
        .not_in_file().variable("STORE_SENTINEL_PASSWORD");
    /// A file that holds the sentinels' password.
    SentinelPasswordFile: Text(
        "server.store_sentinel_password_file", "file of the sentinels' password")
        .not_in_file().variable("STORE_SENTINEL_PASSWORD_FILE");
    /// The keys that backends authenticate with: 32 characters at least, comma-separated. This or
    /// `S2S_KEYS_FILE` is required. It is a secret.
    BackendKeys: Text("server.s2s_keys", "backend keys").not_in_file().variable("S2S_KEYS");
    /// A file that holds the backend keys, comma-separated or one a line.
    BackendKeysFile: Text("server.s2s_keys_file", "file of backend keys")
        .not_in_file().variable("S2S_KEYS_FILE");
    /// The URL of the key set (JWKS) by which signed tokens of plugins are judged. Not set means
    /// that no token is taken.
    PluginTokenKeysUrl: Text("server.plugin_token_keys_url", "URL of the token keys")
        .variable("PLUGIN_TOKEN_KEYS_URL").default("").grammar(Grammar::KeySetUrl);
    /// A file that holds the key set.
    PluginTokenKeysFile: Text("server.plugin_token_keys_file", "file of the token keys")
        .not_in_file().variable("PLUGIN_TOKEN_KEYS_FILE");
    /// The key set itself. It is a secret where it holds shared ones (HS256).
    PluginTokenKeys: Text("server.plugin_token_keys", "token keys")
        .not_in_file().variable("PLUGIN_TOKEN_KEYS");
    /// Start although an error of the timeout rules is seen. A roll-back must be able to start.
    AllowRuleViolations: Flag("server.allow_rule_violations", "permission to violate rules")
        .not_in_file().variable("ALLOW_RULE_VIOLATIONS").default("false");
    /// This node's name in logs and in `x-node-id`; random unless set.
    NodeId: Text("server.node_id", "node's name")
        .not_in_file().variable("NODE_ID").grammar(Grammar::Name);
    /// How metrics leave the server: `prometheus` fetches them from the admin listener; `emf` adds
    /// a line a minute to the log, of which CloudWatch makes metrics; `otlp` sends them to an
    /// OpenTelemetry collector, for which each task has a container of its own.
    Telemetry: Text("server.telemetry", "telemetry")
        .variable("TELEMETRY").default("prometheus")
        .grammar(Grammar::Word(&["prometheus", "emf", "otlp"]));
    /// Where metrics are sent with `otlp`, as OTLP over HTTP: to `/v1/metrics` below this URL. On
    /// AWS, any other than the default is a collector elsewhere, and the task has none.
    OtlpEndpoint: Text("server.otlp_endpoint", "OTLP endpoint")
        .variable("OTLP_ENDPOINT").default("http://127.0.0.1:4318").grammar(Grammar::HttpUrl);
    /// From one sending of the metrics to the next, with `otlp`.
    OtlpInterval: Duration("server.otlp_interval", "OTLP interval")
        .variable("OTLP_INTERVAL").range(1_000, HOUR * 1000).default("60s");
    /// The deliveries that a node has to make within the next minute from which it asks ECS not to
    /// stop its task when the service scales in, for ten minutes in a row at most. `none` never
    /// asks.
    PeakDeliveries: Text("server.peak_deliveries", "deliveries that make a peak")
        .variable("PEAK_DELIVERIES").default("1000").grammar(Grammar::Limit);
    /// The service's name in CloudWatch's metrics and in OTLP.
    MetricsService: Text("server.service_name", "service's name in metrics")
        .not_in_file().variable("SERVICE_NAME").default("holdfast").grammar(Grammar::Name);
    /// How log lines are written: `json`, or `text` for people.
    LogFormat: Text("server.log_format", "log format")
        .not_in_file().variable("LOG_FORMAT").default("json")
        .grammar(Grammar::Word(&["json", "text"]));
    /// What is logged: a level, or directives such as `info,server=debug`.
    LogLevel: Text("server.log_level", "log level")
        .variable("LOG_LEVEL").default("info").grammar(Grammar::LogFilter);
    /// Who may speak for a client's address in `X-Forwarded-For`: `none`, a number of proxies in a
    /// row (a load balancer is 1, CloudFront in front of it 2), or networks.
    TrustedProxies: Text("server.trusted_proxies", "trusted proxies")
        .not_in_file().variable("TRUSTED_PROXIES").default("none").grammar(Grammar::Proxies);
    /// The connections that one node admits, and the sessions. `none` takes it from the limit of
    /// open files.
    MaxConnections: Text("server.max_connections", "most connections")
        .not_in_file().variable("MAX_CONNECTIONS").default("none").grammar(Grammar::Limit);
    /// The sessions of one node that may be on their way into a namespace without having shown a
    /// key. One address may have a quarter of those that are free.
    MaxUnjoined: Text("server.max_unjoined", "most unjoined sessions")
        .variable("MAX_UNJOINED").default("4000").grammar(Grammar::Limit);
    /// The sessions, the requests in flight and the direct connections that one address may have on
    /// a node, each. Raise it where more plugins than that share an address.
    ConnectionsPerAddress: Text("server.connections_per_address", "connections per address")
        .variable("CONNECTIONS_PER_ADDRESS").default("2000").grammar(Grammar::Limit);
    /// The handshakes that one address may make on a node in a second. Ten seconds' worth may come
    /// at once.
    HandshakesPerAddress: Text("server.handshakes_per_address", "handshakes per address")
        .variable("HANDSHAKES_PER_ADDRESS").default("100").grammar(Grammar::Limit);
    /// The wrong keys that one address may send in a minute before it is banned, for 10 s at first
    /// and twice as long each further time, up to 640 s.
    FailedKeysPerAddress: Text("server.failed_keys_per_address", "failed keys per address")
        .variable("FAILED_KEYS_PER_ADDRESS").default("100").grammar(Grammar::Limit);
    /// The sockets that one plugin key may have on a node.
    SocketsPerKey: Text("server.sockets_per_key", "sockets per key")
        .variable("SOCKETS_PER_KEY").default("200").grammar(Grammar::Limit);
    /// The joins and handshakes of one plugin key on a node in a second. Ten seconds' worth may
    /// come at once.
    JoinsPerKey: Text("server.joins_per_key", "joins per key")
        .variable("JOINS_PER_KEY").default("20").grammar(Grammar::Limit);
    /// The addresses that the sockets of one plugin key may come from at the same time, on a node.
    AddressesPerKey: Text("server.addresses_per_key", "addresses per key")
        .variable("ADDRESSES_PER_KEY").default("50").grammar(Grammar::Limit);
    /// The log lines below the level `warn` that are written in a second, and as many of that level
    /// and above.
    LogLinesPerSecond: Text("server.log_lines_per_second", "log lines per second")
        .variable("LOG_LINES_PER_SECOND").default("1000").grammar(Grammar::Limit);
    /// Open files that the process may have: the soft limit.
    Nofile: Count("service.nofile", "open file limit")
        .not_in_file().aws("Ulimits nofile SoftLimit").range(1, 1_048_576);

    // The load balancer.
    /// After how long without a byte the load balancer cuts a connection. The server checks the
    /// rules that it can see against it at its start.
    IdleTimeout: Duration("load_balancer.idle_timeout", "idle timeout")
        .variable("IDLE_TIMEOUT").aws("idle_timeout.timeout_seconds").seconds(1, 4_000)
        .aws_default(DefaultValue::Seconds(60));
    /// After how long the load balancer ends a client's HTTP connection.
    ClientKeepAlive: Duration("load_balancer.client_keep_alive", "client keep-alive")
        .aws("client_keep_alive.seconds").seconds(60, WEEK)
        .aws_default(DefaultValue::Seconds(HOUR));
    /// How long a cookie keeps a client on its task; not set means off.
    Stickiness: Duration("load_balancer.stickiness", "stickiness")
        .aws("stickiness.lb_cookie.duration_seconds").seconds(1, WEEK)
        .aws_default(DefaultValue::Unset);
    /// How long a deregistered task keeps its connections.
    DeregistrationDelay: Duration("load_balancer.deregistration_delay", "deregistration delay")
        .aws("deregistration_delay.timeout_seconds").seconds(0, 3_600)
        .aws_default(DefaultValue::Seconds(300));
    /// The path that health checks ask for.
    HealthCheckPath: Text("load_balancer.health_check.path", "health check path")
        .aws("HealthCheckPath").aws_default(DefaultValue::Text("/"));
    /// How often a target is checked.
    HealthCheckInterval: Duration("load_balancer.health_check.interval", "health check interval")
        .aws("HealthCheckIntervalSeconds").seconds(5, 300).aws_default(DefaultValue::Seconds(30));
    /// How long a health check may take.
    HealthCheckTimeout: Duration("load_balancer.health_check.timeout", "health check timeout")
        .aws("HealthCheckTimeoutSeconds").seconds(2, 120);
    /// Passing checks that make a target healthy again.
    HealthyThreshold: Count("load_balancer.health_check.healthy", "healthy threshold")
        .aws("HealthyThresholdCount").range(2, 10).aws_default(DefaultValue::Count(5));
    /// Failing checks that make a target unhealthy.
    UnhealthyThreshold: Count("load_balancer.health_check.unhealthy", "unhealthy threshold")
        .aws("UnhealthyThresholdCount").range(2, 10).aws_default(DefaultValue::Count(2));
    /// The statuses that pass a health check: `200`, `200-299` or `200,204`.
    HealthCheckMatcher: Text("load_balancer.health_check.matcher", "health check matcher")
        .not_in_file().aws("Matcher HttpCode").aws_default(DefaultValue::Text("200"));
    /// The port that health checks ask on; not set means the port of the traffic.
    HealthCheckPort: Count("load_balancer.health_check.port", "health check port")
        .not_in_file().aws("HealthCheckPort").range(1, 65_535).aws_default(DefaultValue::Unset);
    /// Whether a target group spreads over zones: `true`, `false` or
    /// `use_load_balancer_configuration`.
    CrossZone: Text("load_balancer.cross_zone", "cross-zone load balancing")
        .not_in_file().aws("load_balancing.cross_zone.enabled")
        .aws_default(DefaultValue::Text("use_load_balancer_configuration"));
    /// What the targets are: `instance`, `ip`, `lambda` or `alb`.
    TargetType: Text("load_balancer.target_type", "target type")
        .not_in_file().aws("TargetType").aws_default(DefaultValue::Text("instance"));
    /// How the load balancer speaks to its targets: `HTTP1`, `HTTP2` or `GRPC`.
    ProtocolVersion: Text("load_balancer.protocol_version", "protocol version")
        .not_in_file().aws("ProtocolVersion").aws_default(DefaultValue::Text("HTTP1"));
    /// What the load balancer does with a client's `X-Forwarded-For`.
    ForwardedFor: Text("load_balancer.xff_mode", "X-Forwarded-For mode")
        .not_in_file().aws("routing.http.xff_header_processing.mode")
        .aws_default(DefaultValue::Text("append"));
    /// Whether the load balancer adds the client's port to `X-Forwarded-For`.
    ForwardedPort: Flag("load_balancer.xff_client_port", "client port in X-Forwarded-For")
        .not_in_file().aws("routing.http.xff_client_port.enabled")
        .aws_default(DefaultValue::Flag(false));
    /// The load balancer's fixed name.
    LoadBalancerName: Text("load_balancer.name", "load balancer's name")
        .not_in_file().aws("Name").aws_default(DefaultValue::Unset);
    /// The target group's fixed name.
    TargetGroupName: Text("load_balancer.target_group_name", "target group's name")
        .not_in_file().aws("Name").aws_default(DefaultValue::Unset);
    /// A key among the load balancer's attributes; seen once for each.
    LoadBalancerAttribute: Text("load_balancer.attributes", "load balancer attribute")
        .not_in_file().aws("LoadBalancerAttributes");
    /// A key among the target group's attributes; seen once for each.
    TargetGroupAttribute: Text("load_balancer.target_group_attributes", "target group attribute")
        .not_in_file().aws("TargetGroupAttributes");
    /// Protocols of the listeners that forward to the target group.
    ListenerProtocols: List("load_balancer.listeners", "protocols of the listeners")
        .not_in_file().aws("Listener Protocol");
    /// Path patterns that are forwarded to the target group; `*` for a default action.
    RoutedPaths: List("load_balancer.paths", "routed paths")
        .not_in_file().aws("ListenerRule path-pattern");
    /// The same for POST requests, which a condition on the method may leave out.
    PostedPaths: List("load_balancer.post_paths", "paths routed for POST")
        .not_in_file().aws("ListenerRule http-request-method");
    /// The most target groups that share one forward action's traffic.
    ForwardGroups: Count("load_balancer.forward_groups", "target groups in one forward")
        .not_in_file().aws("ForwardConfig TargetGroups");
    /// The origin that the load balancer writes into each answer, instead of the server's.
    AllowOrigin: Text("load_balancer.allow_origin", "origin that the load balancer allows")
        .not_in_file().aws("routing.http.response.access_control_allow_origin.header_value")
        .aws_default(DefaultValue::Unset);
    /// How long such a forward keeps a client on its group.
    GroupStickinessDuration: Duration("load_balancer.group_stickiness_duration", "duration of the group stickiness")
        .not_in_file().aws("TargetGroupStickinessConfig DurationSeconds").seconds(1, WEEK);
    /// Whether such a forward keeps a client on its group.
    GroupStickiness: Flag("load_balancer.group_stickiness", "group stickiness")
        .not_in_file().aws("TargetGroupStickinessConfig Enabled")
        .aws_default(DefaultValue::Flag(false));

    /// The port of the agent that limits the requests in flight of each target; not set means no
    /// limit.
    TargetControlPort: Count("load_balancer.target_control_port", "target control port")
        .not_in_file().aws("TargetControlPort").range(1, 65_535)
        .aws_default(DefaultValue::Unset);

    /// The certificates that a listener names itself.
    ListenerCertificates: Count("load_balancer.certificates", "certificates of a listener")
        .not_in_file().aws("Certificates");
    /// The regions of the certificates that a listener serves.
    CertificateRegions: List("load_balancer.certificate_regions", "certificates' regions")
        .not_in_file();
    /// The load balancer's region.
    BalancerRegion: Text("load_balancer.region", "load balancer's region").not_in_file();

    // The network.
    /// The load balancer's subnets.
    Subnets: List("network.subnets", "load balancer's subnets").aws("Subnets");
    /// The zones of the load balancer's subnets.
    BalancerZones: List("network.zones", "load balancer's zones").not_in_file();
    /// The zones of the tasks' subnets.
    TaskZones: List("network.task_zones", "tasks' zones").not_in_file();
    /// Ports on which the load balancer reaches the tasks through the security groups.
    BalancerToTask: Ports("network.balancer_to_task", "ports open from load balancer to task")
        .not_in_file();
    /// Ports that security groups open to address ranges, which may hold the load balancer.
    PerhapsBalancerToTask: Ports(
        "network.perhaps_balancer_to_task", "ports perhaps open from load balancer to task")
        .not_in_file();
    /// Ports on which the tasks reach the store through the security groups.
    TaskToStore: Ports("network.task_to_store", "ports open from task to store").not_in_file();
    /// Ports that security groups open to address ranges, which may hold the tasks.
    PerhapsTaskToStore: Ports(
        "network.perhaps_task_to_store", "ports perhaps open from task to store")
        .not_in_file();

    // The service and its tasks.
    /// CPU units of a task.
    Cpu: Count("service.cpu", "CPU units").aws("Cpu");
    /// Memory of a task.
    Memory: Mebibytes("service.memory", "memory").aws("Memory");
    /// Memory that the containers beside the server may take of a task's.
    OtherMemory: Mebibytes("service.other_memory", "memory of other containers").not_in_file();
    /// The fewest tasks that the service may have.
    TasksMin: Count("service.tasks.min", "fewest tasks").aws("MinCapacity").range(0, 5_000);
    /// The most tasks that the service may have.
    TasksMax: Count("service.tasks.max", "most tasks").aws("MaxCapacity").range(0, 5_000);
    /// Connections that one task must carry.
    ConnectionsPerTask: Count("service.connections_per_task", "connections per task")
        .range(1, 1_000_000);
    /// From SIGTERM to SIGKILL.
    StopTimeout: Duration("service.stop_timeout", "stop timeout")
        .aws("StopTimeout").seconds(2, 120).aws_default(DefaultValue::Seconds(30));
    /// How long after its start a task's failing health checks are ignored.
    GracePeriod: Duration("service.health_check_grace_period", "health check grace period")
        .aws("HealthCheckGracePeriodSeconds").range(0, 2_147_483_647_000)
        .aws_default(DefaultValue::Seconds(0));
    /// Where tasks run: `FARGATE`, `EC2` or `EXTERNAL`.
    LaunchType: Text("service.launch_type", "launch type").not_in_file().aws("LaunchType");
    /// The capacity providers that the service places tasks on.
    CapacityProviders: List("service.capacity_providers", "capacity providers")
        .not_in_file().aws("CapacityProviderStrategy");
    /// The share of tasks that a deployment keeps running, in percent.
    MinimumHealthyPercent: Count("service.deployment.minimum_healthy_percent", "minimum healthy percent")
        .aws("MinimumHealthyPercent").aws_default(DefaultValue::Count(100));
    /// The share of tasks that may run during a deployment, in percent.
    MaximumPercent: Count("service.deployment.maximum_percent", "maximum percent")
        .aws("MaximumPercent").aws_default(DefaultValue::Count(200));
    /// Whether it is a service of ECS Express Mode, which makes load balancer and alarms itself.
    ExpressMode: Flag("service.express_mode", "Express Mode").not_in_file();
    /// Who deploys: `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    DeploymentController: Text("service.deployment.controller", "deployment controller")
        .not_in_file().aws("DeploymentController Type").aws_default(DefaultValue::Text("ECS"));
    /// How ECS deploys: `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`.
    DeploymentStrategy: Text("service.deployment.strategy", "deployment strategy")
        .not_in_file().aws("DeploymentConfiguration Strategy")
        .aws_default(DefaultValue::Text("ROLLING"));
    /// How long old and new tasks run side by side once all traffic has shifted.
    BakeTime: Duration("service.deployment.bake_time", "bake time")
        .not_in_file().aws("BakeTimeInMinutes").seconds(0, 86_400);
    /// How long the first part of a canary deployment's traffic is watched.
    CanaryBakeTime: Duration("service.deployment.canary_bake_time", "canary's bake time")
        .not_in_file().aws("CanaryBakeTimeInMinutes").seconds(0, 86_400)
        .aws_default(DefaultValue::Seconds(600));
    /// How long each step of a linear deployment is watched.
    StepBakeTime: Duration("service.deployment.step_bake_time", "step's bake time")
        .not_in_file().aws("StepBakeTimeInMinutes").seconds(0, 86_400)
        .aws_default(DefaultValue::Seconds(360));
    /// The share of the traffic that each step of a linear deployment shifts, in percent.
    StepPercent: Count("service.deployment.step_percent", "step's percentage")
        .not_in_file().aws("StepPercent").range(3, 100).aws_default(DefaultValue::Count(10));
    /// Whether a deployment may succeed before it is done.
    EarlySuccess: Flag("service.deployment.early_success", "early success")
        .not_in_file().aws("EarlySuccessCriteria Enable").aws_default(DefaultValue::Flag(false));
    /// When the old tasks leave: `BLOCKING`, before the success, or `DEFERRED`, after it.
    SourceCleanup: Text("service.deployment.source_cleanup", "clean-up of the old tasks")
        .not_in_file().aws("SourceServiceRevisionCleanup");
    /// Whether a failing deployment is stopped and rolled back.
    CircuitBreaker: Flag("service.circuit_breaker", "circuit breaker with rollback")
        .not_in_file().aws("DeploymentCircuitBreaker").aws_default(DefaultValue::Flag(false));
    /// How many failing tasks stop a deployment: a number, or a share of the desired tasks.
    BreakerThreshold: Count("service.circuit_breaker_threshold.value", "threshold of the circuit breaker")
        .not_in_file().aws("ThresholdConfiguration Value").aws_default(DefaultValue::Count(50));
    /// What the threshold is: `COUNT`, `BOUNDED_PERCENT` (3 to 200) or `UNBOUNDED_PERCENT`.
    BreakerThresholdType: Text("service.circuit_breaker_threshold.type", "kind of the circuit breaker's threshold")
        .not_in_file().aws("ThresholdConfiguration Type")
        .aws_default(DefaultValue::Text("BOUNDED_PERCENT"));
    /// Alarms that roll a deployment back.
    DeploymentAlarms: List("service.deployment_alarms", "deployment alarms")
        .not_in_file().aws("DeploymentConfiguration Alarms").aws_default(DefaultValue::List(&[]));
    /// Whether ECS moves tasks between zones: `ENABLED` or `DISABLED`.
    AzRebalancing: Text("service.az_rebalancing", "zone rebalancing")
        .not_in_file().aws("AvailabilityZoneRebalancing")
        .aws_default(DefaultValue::Text("ENABLED"));
    /// The number of tasks that the template sets.
    DesiredCount: Count("service.desired_count", "desired count").not_in_file().aws("DesiredCount");
    /// Whether something scales the service.
    Autoscaling: Flag("service.autoscaling", "autoscaling").not_in_file().aws("ScalableTarget");
    /// Whether the service is created after the listener that forwards to it.
    AfterListener: Flag("service.after_listener", "creation after the listener")
        .not_in_file().aws("DependsOn");
    /// The service's fixed name.
    ServiceName: Text("service.name", "service's name")
        .not_in_file().aws("ServiceName").aws_default(DefaultValue::Unset);
    /// The task's network mode: `awsvpc`, `bridge`, `host` or `none`.
    NetworkMode: Text("service.network_mode", "network mode")
        .not_in_file().aws("NetworkMode").aws_default(DefaultValue::Text("bridge"));
    /// The container that the load balancer sends to.
    ContainerName: Text("service.container", "load balanced container")
        .not_in_file().aws("LoadBalancers ContainerName");
    /// The port that the load balancer sends to.
    ContainerPort: Count("service.container_port", "load balanced port")
        .not_in_file().aws("LoadBalancers ContainerPort").range(0, 65_535);
    /// The task definition's containers.
    Containers: List("service.containers", "containers")
        .not_in_file().aws("ContainerDefinitions Name");
    /// Container ports that the load balanced container maps.
    MappedPorts: Ports("service.mapped_ports", "mapped ports").not_in_file().aws("PortMappings");
    /// Container ports that any container of the task maps.
    TaskPorts: Ports("service.task_ports", "ports of the task").not_in_file().aws("PortMappings");

    // The store.
    /// Where messages are kept: `memory`; `file:DIR`, which survives restarts; or a Redis, which
    /// nodes share: `redis://host:port`, a cluster as `redis+cluster://host:port,…`, or one behind
    /// sentinels as `redis+sentinel://host:port,…/NAME`. With `rediss` instead of `redis` for TLS.
    Store: Text("store", "store").variable("STORE").default("memory").grammar(Grammar::Store);
    /// The port of the store.
    StorePort: Count("store.port", "store's port").not_in_file().aws("Port").range(1, 65_535);
    /// How the server speaks to the store: `single`, `cluster` or `sentinel`.
    StoreProtocol: Text("store.protocol", "store's protocol").not_in_file();
    /// Whether the store is a cluster, whose clients must know which shard has a key.
    ClusterMode: Flag("store.cluster_mode", "cluster mode")
        .not_in_file().aws("cluster-enabled").aws_default(DefaultValue::Flag(false));
    /// The shards that divide the store's keys among them.
    Shards: Count("store.shards", "shards")
        .not_in_file().aws("NumNodeGroups").range(1, 500).aws_default(DefaultValue::Count(1));
    /// What the store does when its memory is full.
    Eviction: Text("store.maxmemory_policy", "eviction policy")
        .not_in_file().aws("maxmemory-policy").aws_default(DefaultValue::Text("volatile-lru"));
    /// Whether a replica takes over by itself.
    Failover: Flag("store.automatic_failover", "automatic failover")
        .not_in_file().aws("AutomaticFailoverEnabled").aws_default(DefaultValue::Flag(false));
    /// Whether the replicas are in several zones.
    MultiAz: Flag("store.multi_az", "multi-AZ")
        .not_in_file().aws("MultiAZEnabled").aws_default(DefaultValue::Flag(false));
    /// The store's engine: `redis` or `valkey`.
    Engine: Text("store.engine", "engine").not_in_file().aws("Engine");
    /// The engine's version.
    EngineVersion: Text("store.engine_version", "engine version")
        .not_in_file().aws("EngineVersion");
    /// The name of the replication group.
    ReplicationGroupName: Text("store.replication_group", "replication group's name")
        .not_in_file().aws("ReplicationGroupId").aws_default(DefaultValue::Unset);

    /// The name that clients use.
    Domain: Text("domain", "domain");

    // What may stand in front of the load balancer.
    /// How long CloudFront waits for an answer of the load balancer.
    CloudFrontTimeout: Duration("proxy.cloudfront_response_timeout", "CloudFront's response timeout")
        .not_in_file().aws("OriginReadTimeout").seconds(1, 120)
        .aws_default(DefaultValue::Seconds(30));
    /// After how long a Network Load Balancer forgets a quiet connection.
    NlbIdleTimeout: Duration("proxy.nlb_idle_timeout", "Network Load Balancer's idle timeout")
        .not_in_file().aws("tcp.idle_timeout.seconds").seconds(60, 6_000)
        .aws_default(DefaultValue::Seconds(350));
    /// Rules of a web ACL that apply to Socket.IO requests and refuse what plugins send.
    WafRules: List("proxy.waf_rules", "blocking WAF rules").not_in_file();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_variables_are_unique() {
        for setting in Setting::ALL {
            assert_eq!(Setting::from_key(setting.key()), Some(*setting));
            if let Some(variable) = setting.spec().variable {
                assert_eq!(Setting::from_variable(variable), Some(*setting));
            }
        }
    }

    #[test]
    fn defaults_are_legal_values_of_their_setting() {
        for setting in Setting::ALL {
            let spec = setting.spec();
            if let Some(default) = spec.default {
                assert!(setting.parse(default).is_ok(), "{setting}: {default}");
            }
            for default in [spec.aws_default, spec.socket_io_default]
                .into_iter()
                .flatten()
            {
                let value = default.value();
                assert!(value.is(spec.kind), "{setting}: {value}");
                assert_eq!(setting.admits(value), Ok(()));
            }
        }
    }
}
