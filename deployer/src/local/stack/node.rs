//! One node: how it is started, and where it stands on its way.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::error::Error;
use super::launch::{free_address, listening};
use super::notice::health_word;
use super::{Happened, Stack};
use crate::local::control::Order;
use crate::local::process::{Process, Spec};
use alb_model::Health;

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// When it was started.
    pub(super) since: Instant,
    /// What the balancer thought of it when [`Stack::look`] looked; none while it is not
    /// registered.
    pub(super) health: Option<Health>,
    pub(super) stage: Stage,
    /// The program that it runs.
    pub(super) server: PathBuf,
    /// Another is to take its place.
    pub(super) outdated: bool,
    /// It was started by the rollout that is under way.
    pub(super) of_rollout: bool,
    /// SIGSTOP has been sent to it, and no SIGCONT since.
    pub(super) stopped: bool,
    /// Its end says nothing against its program: it has been healthy once, or somebody killed it.
    pub(super) excused: bool,
    /// What the health check that it failed last has seen.
    pub(super) reason: String,
    /// What was wrong with it when it was killed for that.
    pub(super) failure: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It does not listen yet, and is not registered.
    Starting,
    Running,
    /// It was told to stop.
    Leaving(Order),
}

impl Node {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.process.life.name
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.stage, Stage::Leaving(_))
    }

    fn state(&self) -> &'static str {
        match self.stage {
            _ if self.stopped => "stopped",
            Stage::Starting => "starting",
            Stage::Running => "running",
            Stage::Leaving(_) => "leaving",
        }
    }
}

impl Stack {
    /// Starts one more node on `server`. It is registered once it listens: ECS registers a task
    /// when it runs.
    pub(super) fn start_node(&mut self, server: PathBuf, of_rollout: bool) -> Result<(), Error> {
        self.started += 1;
        let name = format!("node-{}", self.started);
        let failed = |source| Error::Start {
            name: name.clone(),
            source,
        };
        let address = free_address().map_err(failed)?;
        let spec = Spec {
            name: name.clone(),
            program: server.clone(),
            arguments: vec![],
            environment: self.environment(&name, address),
        };
        let process =
            Process::start(&self.options.supervisor, &spec, self.lines.clone()).map_err(failed)?;
        let (life, listens) = (process.life.clone(), process.life.clone());
        let (ended, came) = (name.clone(), name);
        self.later(async move {
            life.exited().await;
            Happened::Ended(ended)
        });
        self.later(async move { Happened::Listens(came, listening(&listens, address).await) });
        self.nodes.push(Node {
            process,
            address,
            since: Instant::now(),
            health: None,
            stage: Stage::Starting,
            server,
            outdated: false,
            of_rollout,
            stopped: false,
            excused: false,
            reason: String::new(),
            failure: None,
        });
        Ok(())
    }

    fn environment(&self, name: &str, address: SocketAddr) -> Vec<(String, String)> {
        let local = [
            ("BIND", address.to_string()),
            ("ADMIN_BIND", "127.0.0.1:0".to_owned()),
            ("NODE_ID", name.to_owned()),
            ("S2S_KEYS_FILE", self.keys.0.display().to_string()),
            ("ECS_CONTAINER_METADATA_URI_V4", self.metadata.run(name)),
        ];
        let mut environment = self.setup.task.environment.clone();
        environment.push(self.origins());
        let local = local.into_iter().chain(self.store.variables());
        environment.extend(local.map(|(name, value)| (name.to_owned(), value)));
        environment
    }

    /// The origins of the template, and that of the stack's own pages.
    fn origins(&self) -> (String, String) {
        let here = self.url.replace("127.0.0.1", "localhost");
        let of_template = self.variable("CORS_ORIGINS").into_iter();
        let all = of_template.chain([self.url.as_str(), here.as_str()]);
        let all: Vec<_> = all.filter(|origins| !origins.is_empty()).collect();
        ("CORS_ORIGINS".to_owned(), all.join(","))
    }

    /// A node for programs.
    #[must_use]
    pub fn describe(&self, node: &Node) -> Value {
        json!({
            "id": node.name(), "address": node.address.to_string(), "pid": node.process.pid,
            "state": node.state(), "health": node.health.map(health_word), "server": node.server,
        })
    }
}
