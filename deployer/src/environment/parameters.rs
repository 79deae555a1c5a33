//! An environment as parameters of the template: the one way in which its values travel.

use super::metrics::collector_port;
use super::section::Environment;
use super::{Metrics, Setting, Sticky, Store, Switch, Text};
use cloudformation::node::{Node, Origin, Scalar, Value};
use cloudformation::template::Inputs;

/// The part of `connections_per_task` at which another task is started, in percent: a task takes
/// minutes to start, and a deployment moves the connections of one task to the others.
const SCALING_PERCENT: u64 = 70;
/// Files and sockets that a task has open beside its connections.
const OTHER_FILES: u64 = 2_000;
/// The most open files that Fargate allows (`Ulimit` of a task definition).
const MAX_FILES: u64 = 1_048_576;

impl Environment {
    /// The parameters of the template for this environment; `environment` is its name.
    #[must_use]
    pub fn inputs(&self, environment: &str) -> Inputs {
        let mut inputs = Inputs::default();
        inputs.region(&self.region.node(|region| region.0.clone()));
        let name = Node {
            value: Value::Scalar(Scalar::text(environment)),
            origin: Origin::default(),
        };
        let mut parameters = vec![
            ("Environment", name),
            ("Prefix", self.prefix.node(|prefix| prefix.0.clone())),
            ("Name", self.name.node(|name| name.0.clone())),
            ("Image", self.image.node(|image| image.0.clone())),
        ];
        parameters.extend(optional("Domain", self.domain.as_ref()));
        parameters.extend(optional("HostedZone", self.hosted_zone.as_ref()));
        let api = self.api.as_ref();
        parameters.extend(api.map(|api| ("Api", api.node(|api| api.word().to_owned()))));
        parameters.extend(optional("ApiDomain", self.api_domain.as_ref()));
        let boundary = self.permissions_boundary.as_ref();
        let boundary = boundary.map(|boundary| boundary.node(|arn| arn.0.clone()));
        parameters.extend(boundary.map(|node| ("PermissionsBoundary", node)));
        let key = self.kms_key.as_ref();
        parameters.extend(key.map(|key| ("KmsKey", key.node(|arn| arn.0.clone()))));
        for (parameter, secret) in [
            ("RegistryCredentials", &self.service.registry_credentials),
            ("TokenKeysSecret", &self.service.plugin_token_keys),
        ] {
            let secret = secret.as_ref();
            let arn = secret.map(|secret| secret.node(|arn| arn.0.clone()));
            parameters.extend(arn.map(|node| (parameter, node)));
        }
        parameters.extend(self.network());
        parameters.extend(self.balancer());
        parameters.extend(self.waf());
        parameters.extend(self.service());
        parameters.extend(self.store());
        parameters.extend(self.metrics.iter().flat_map(Metrics::parameters));
        parameters.extend(collector_port(&self.server));
        inputs.parameters = parameters
            .into_iter()
            .map(|(name, node)| (name.to_owned(), node))
            .chain(self.server.parameters())
            .collect();
        inputs
    }

    fn network(&self) -> Vec<(&'static str, Node)> {
        let network = &self.network;
        let task_subnets = network.task_subnets.as_ref().unwrap_or(&network.subnets);
        vec![
            ("Vpc", text(&network.vpc)),
            (
                "Subnets",
                list(
                    &network.subnets.value.0,
                    &network.subnets.origin,
                    |subnet| subnet.0.clone(),
                ),
            ),
            (
                "TaskSubnets",
                list(&task_subnets.value.0, &task_subnets.origin, |subnet| {
                    subnet.0.clone()
                }),
            ),
            ("PublicTasks", switch(&network.public_tasks)),
        ]
    }

    fn balancer(&self) -> Vec<(&'static str, Node)> {
        let balancer = &self.load_balancer;
        let health = &balancer.health_check;
        let sticky = |sticky: &Sticky| match sticky {
            Sticky::Off => "0".to_owned(),
            Sticky::For(seconds) => seconds.0.to_string(),
        };
        let mut parameters = vec![
            (
                "IdleTimeout",
                balancer.idle_timeout.node(|seconds| seconds.0.to_string()),
            ),
            (
                "ClientKeepAlive",
                balancer
                    .client_keep_alive
                    .node(|seconds| seconds.0.to_string()),
            ),
            ("Stickiness", balancer.stickiness.node(sticky)),
            (
                "DeregistrationDelay",
                balancer
                    .deregistration_delay
                    .node(|seconds| seconds.0.to_string()),
            ),
            ("DeletionProtection", switch(&balancer.deletion_protection)),
            ("HealthCheckPath", health.path.node(|path| path.0.clone())),
            (
                "HealthCheckInterval",
                health.interval.node(|seconds| seconds.0.to_string()),
            ),
            (
                "HealthCheckTimeout",
                health.timeout.node(|seconds| seconds.0.to_string()),
            ),
            (
                "HealthyThreshold",
                health.healthy.node(|count| count.0.to_string()),
            ),
            (
                "UnhealthyThreshold",
                health.unhealthy.node(|count| count.0.to_string()),
            ),
        ];
        let scheme = balancer.scheme.as_ref();
        let scheme = scheme.map(|scheme| scheme.node(|scheme| scheme.word().to_owned()));
        parameters.extend(scheme.map(|node| ("Scheme", node)));
        let addresses = balancer.ip_address_type.as_ref();
        let addresses = addresses.map(|kind| kind.node(|kind| kind.word().to_owned()));
        parameters.extend(addresses.map(|node| ("IpAddressType", node)));
        parameters.extend(optional("Certificate", balancer.certificate.as_ref()));
        parameters.extend(optional("AccessLogs", balancer.access_logs.as_ref()));
        parameters
    }

    fn waf(&self) -> Vec<(&'static str, Node)> {
        let Some(waf) = &self.waf else {
            return Vec::new();
        };
        let rates = [
            ("WafHandshakes", &waf.value.handshakes_per_minute),
            ("WafCalls", &waf.value.calls_per_minute),
        ];
        let rates = rates.into_iter().filter_map(|(name, rate)| {
            Some((name, rate.as_ref()?.node(|rate| rate.0.to_string())))
        });
        let there = ("Waf", waf.node(|_| "true".to_owned()));
        rates.chain([there]).collect()
    }

    fn service(&self) -> Vec<(&'static str, Node)> {
        let service = &self.service;
        let connections = &service.connections_per_task;
        vec![
            ("Cpu", service.cpu.node(|cpu| cpu.0.to_string())),
            ("Memory", service.memory.node(|size| size.0.to_string())),
            (
                "Architecture",
                service
                    .architecture
                    .node(|architecture| architecture.word().to_owned()),
            ),
            (
                "MinTasks",
                service.tasks.min.node(|count| count.0.to_string()),
            ),
            (
                "MaxTasks",
                service.tasks.max.node(|count| count.0.to_string()),
            ),
            (
                "ConnectionsPerTask",
                connections.node(|count| count.0.to_string()),
            ),
            (
                "ScalingConnections",
                connections.node(|count| (count.0 * SCALING_PERCENT).div_ceil(100).to_string()),
            ),
            (
                "OpenFiles",
                connections
                    .node(|count| (count.0 + OTHER_FILES).clamp(65_536, MAX_FILES).to_string()),
            ),
            (
                "StopTimeout",
                service.stop_timeout.node(|seconds| seconds.0.to_string()),
            ),
            (
                "HealthCheckGracePeriod",
                service
                    .health_check_grace_period
                    .node(|seconds| seconds.0.to_string()),
            ),
            (
                "MaximumPercent",
                service
                    .deployment
                    .maximum_percent
                    .node(|percent| percent.0.to_string()),
            ),
            (
                "MinimumHealthyPercent",
                service
                    .deployment
                    .minimum_healthy_percent
                    .node(|percent| percent.0.to_string()),
            ),
            (
                "LogRetention",
                service.log_retention_days.node(|days| days.0.to_string()),
            ),
        ]
    }

    fn store(&self) -> Vec<(&'static str, Node)> {
        match &self.store.value {
            Store::Memory => vec![("Store", self.store.node(|_| "memory".to_owned()))],
            Store::File(directory) => {
                vec![("Store", directory.node(|text| format!("file:{}", text.0)))]
            }
            Store::Redis(redis) => redis.parameters(&self.store),
            Store::Url {
                url, credentials, ..
            } => {
                let mut parameters = vec![
                    ("Store", url.node(|url| url.0.clone())),
                    ("StorePort", url.node(|url| url.port().to_string())),
                ];
                let primary = self.store.value.primary_port();
                parameters.extend(primary.map(|port| ("StorePrimaryPort", port)));
                parameters.extend(optional("StoreCredentials", credentials.as_ref()));
                parameters
            }
        }
    }
}

fn text(setting: &Setting<Text>) -> Node {
    setting.node(|text| text.0.clone())
}

fn switch(setting: &Setting<Switch>) -> Node {
    setting.node(|switch| switch.0.to_string())
}

fn optional(name: &'static str, setting: Option<&Setting<Text>>) -> Option<(&'static str, Node)> {
    setting.map(|setting| (name, text(setting)))
}

fn list<T>(items: &[Setting<T>], origin: &Origin, word: impl Fn(&T) -> String) -> Node {
    let items = items.iter().map(|item| item.node(&word)).collect();
    Node {
        value: Value::List(items),
        origin: origin.clone(),
    }
}
