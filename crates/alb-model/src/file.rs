//! The configuration file of the `alb-model` program: listeners with their addresses, groups with
//! their targets. Durations have a unit (`60s`); what the file leaves out is AWS's default.

use std::net::SocketAddr;
use std::time::Duration;

use alb_model::{
    Action, Algorithm, Condition, Config, Forward, Group, HealthCheck, Listener, Rule,
};
use serde::{Deserialize, Deserializer};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default, deserialize_with = "duration")]
    idle_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    client_keep_alive: Option<Duration>,
    pub(crate) listeners: Vec<FileListener>,
    pub(crate) groups: Vec<FileGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileListener {
    pub(crate) address: SocketAddr,
    #[serde(default)]
    https: bool,
    group: String,
    #[serde(default)]
    rules: Vec<FileRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRule {
    priority: u32,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
    group: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileGroup {
    pub(crate) name: String,
    pub(crate) targets: Vec<SocketAddr>,
    #[serde(default, deserialize_with = "duration")]
    stickiness: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    deregistration_delay: Option<Duration>,
    #[serde(default)]
    least_outstanding_requests: bool,
    #[serde(default)]
    health_check: FileHealthCheck,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileHealthCheck {
    path: Option<String>,
    #[serde(default, deserialize_with = "duration")]
    interval: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    timeout: Option<Duration>,
    healthy: Option<u32>,
    unhealthy: Option<u32>,
}

impl File {
    /// The model's configuration.
    pub(crate) fn config(&self) -> Config {
        let defaults = Config::default();
        Config {
            idle_timeout: self.idle_timeout.unwrap_or(defaults.idle_timeout),
            client_keep_alive: self.client_keep_alive.unwrap_or(defaults.client_keep_alive),
            listeners: self.listeners.iter().map(FileListener::listener).collect(),
            groups: self.groups.iter().map(FileGroup::group).collect(),
            ..defaults
        }
    }
}

impl FileListener {
    fn listener(&self) -> Listener {
        Listener {
            https: self.https,
            rules: self.rules.iter().map(FileRule::rule).collect(),
            default: Action::Forward(Forward::to(&self.group)),
        }
    }
}

impl FileRule {
    fn rule(&self) -> Rule {
        let paths = (!self.paths.is_empty()).then(|| Condition::Path(self.paths.clone()));
        let hosts = (!self.hosts.is_empty()).then(|| Condition::Host(self.hosts.clone()));
        Rule {
            priority: self.priority,
            conditions: paths.into_iter().chain(hosts).collect(),
            action: Action::Forward(Forward::to(&self.group)),
        }
    }
}

impl FileGroup {
    fn group(&self) -> Group {
        let defaults = Group::new(&self.name);
        let check = HealthCheck::default();
        let own = &self.health_check;
        Group {
            stickiness: self.stickiness,
            algorithm: match self.least_outstanding_requests {
                true => Algorithm::LeastOutstandingRequests,
                false => Algorithm::RoundRobin,
            },
            deregistration_delay: self
                .deregistration_delay
                .unwrap_or(defaults.deregistration_delay),
            health_check: HealthCheck {
                path: own.path.clone().unwrap_or(check.path.clone()),
                interval: own.interval.unwrap_or(check.interval),
                timeout: own.timeout.unwrap_or(check.timeout),
                healthy: own.healthy.unwrap_or(check.healthy),
                unhealthy: own.unhealthy.unwrap_or(check.unhealthy),
                ..check
            },
            ..defaults
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map(Some)
        .map_err(|error| serde::de::Error::custom(format!("`{text}` is no duration: {error}")))
}
