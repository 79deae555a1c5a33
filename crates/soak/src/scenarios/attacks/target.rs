//! The server that is attacked: one process, which takes `X-Forwarded-For` from whoever connects.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::backend::Backend;
use crate::process::{beside, child_command, free_address};

/// How long it may take to start.
const START: Duration = Duration::from_secs(30);
/// How long a health check may take.
const HEALTH: Duration = Duration::from_secs(10);

pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) backend: Backend,
    /// A valid plugin key, which an attacker has.
    pub(super) stolen: String,
    http: reqwest::Client,
    pid: u32,
    _child: Child,
}

impl Target {
    pub(super) async fn start(directory: &Path) -> anyhow::Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let key = format!("{:032x}", fastrand::u128(..));
        let mut command = child_command(beside("server")?, &directory.join("server.log"))?;
        let child = command
            .env("BIND", address.to_string())
            .env("ADMIN_BIND", admin.to_string())
            .env("S2S_KEYS", &key)
            .env("TRUSTED_PROXIES", "1")
            .spawn()
            .context("cannot start the server")?;
        let pid = child.id().context("the server has ended")?;
        let backend = Backend::new(&format!("http://{address}"), &key)?;
        let http = reqwest::Client::builder().timeout(HEALTH).build()?;
        let mut target = Self {
            address,
            backend,
            stolen: String::new(),
            http,
            pid,
            _child: child,
        };
        let since = Instant::now();
        while !target.is_alive().await {
            if since.elapsed() > START {
                bail!("the server does not start; see {}", directory.display());
            }
            sleep(Duration::from_millis(50)).await;
        }
        target.stolen = target.backend.key(1_000_000).await?;
        Ok(target)
    }

    pub(super) async fn is_alive(&self) -> bool {
        let url = format!("http://{}/healthcheck", self.address);
        let answer = self.http.get(url).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// Its memory now, in KiB.
    pub(super) fn memory(&self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most that it ever took, in KiB.
    pub(super) fn peak(&self) -> anyhow::Result<u64> {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))
            .context("the server was killed")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("no {field} of the server"))
    }
}
