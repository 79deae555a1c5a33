//! Server processes that share a Redis, without a load balancer before them: what is measured is
//! theirs alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use testkit::port::free_port;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use super::sample::cpu;
use crate::backend::Backend;
use crate::process::{beside, child_command};
use crate::redis::Redis;

/// How long each may take to start.
const STARTING: Duration = Duration::from_secs(60);

/// Some servers. Killed when dropped.
pub(super) struct Servers {
    pub(super) backend_key: String,
    pub(super) each: Vec<Server>,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    admin: SocketAddr,
    pid: u32,
    _child: Child,
}

impl Servers {
    /// Starts so many, with these variables beside their own, and waits until they answer. All
    /// clients have one address here, so no limit counts addresses.
    ///
    /// # Errors
    /// When one does not start.
    pub(super) async fn start(
        number: usize,
        redis: &Redis,
        directory: &Path,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let backend_key = format!("{:032x}", fastrand::u128(..));
        let server = beside("server")?;
        let mut each = Vec::new();
        for node in 0..number {
            let free = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            let (address, admin) = (free(), free());
            let log: PathBuf = directory.join(format!("node-{node}.log"));
            let mut command = child_command(&server, &log)?;
            command
                .env_clear()
                .env("BIND", address.to_string())
                .env("ADMIN_BIND", admin.to_string())
                .env("NODE_ID", format!("node-{node}"))
                .env("S2S_KEYS", &backend_key)
                .env("STORE", redis.url())
                .env("MAX_UNJOINED", "20000")
                .env("CONNECTIONS_PER_ADDRESS", "none")
                .env("HANDSHAKES_PER_ADDRESS", "none")
                .envs(environment.iter().copied());
            let child = command.spawn().context("cannot start the server")?;
            let pid = child.id().context("the server has ended")?;
            let server = Server {
                address,
                admin,
                pid,
                _child: child,
            };
            server.until_it_answers(&log).await?;
            each.push(server);
        }
        Ok(Self { backend_key, each })
    }

    /// A backend that calls the first of them.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(super) fn backend(&self) -> anyhow::Result<Backend> {
        let first = self.each.first().context("there is no server")?;
        Backend::new(&format!("http://{}", first.address), &self.backend_key)
    }

    /// CPU of each so far, in seconds.
    ///
    /// # Errors
    /// When one has ended.
    pub(super) fn cpu(&self) -> anyhow::Result<Vec<f64>> {
        self.each.iter().map(|server| cpu(server.pid)).collect()
    }

    /// The sum of a counter, given as `/metrics` writes it, of all of them. One that has not
    /// counted yet is 0.
    ///
    /// # Errors
    /// When one does not answer.
    pub(super) async fn counted(&self, metric: &str) -> anyhow::Result<f64> {
        let mut sum = 0.0;
        for server in &self.each {
            let url = format!("http://{}/metrics", server.admin);
            let text = reqwest::get(url).await?.error_for_status()?.text().await?;
            let mut lines = text.lines();
            let found = lines.find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
            sum += found.map_or(Ok(0.0), str::parse)?;
        }
        Ok(sum)
    }
}

impl Server {
    async fn until_it_answers(&self, log: &Path) -> anyhow::Result<()> {
        let (url, start) = (
            format!("http://{}/healthcheck", self.address),
            Instant::now(),
        );
        while !reqwest::get(&url)
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            ensure!(
                start.elapsed() < STARTING,
                "a server does not start; see {}",
                log.display()
            );
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
