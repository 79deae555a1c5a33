//! The server that is attacked: one process, which takes `X-Forwarded-For` from whoever connects.
//! Its log goes into a pipe that nobody reads before the attacks are over.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use testkit::port::free_port;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, sleep};

use super::memory::Group;
use crate::backend::Backend;
use crate::process::beside;

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
    group: Option<Group>,
    log: Mutex<Option<ChildStderr>>,
    _child: Child,
}

impl Target {
    /// Starts it with so much memory, in KiB.
    pub(super) async fn start(memory: u64) -> anyhow::Result<Self> {
        let free = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (address, admin) = (free(), free());
        let key = format!("{:032x}", fastrand::u128(..));
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(beside("server")?)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
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
            group: Group::holding(pid, memory << 10),
            log: Mutex::new(child.stderr.take()),
            _child: child,
        };
        let since = Instant::now();
        while !target.is_alive().await {
            if since.elapsed() > START {
                bail!("the server does not start within {} s", START.as_secs());
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

    /// Reads its log from now on, and throws it away.
    pub(super) fn read_log(&self) {
        let log = self
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut log) = log {
            tokio::spawn(async move { tokio::io::copy(&mut log, &mut tokio::io::sink()).await });
        }
    }

    /// Whether it is killed if it takes more memory than it may.
    pub(super) fn is_held(&self) -> bool {
        self.group.is_some()
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
