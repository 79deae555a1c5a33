//! A Redis of the run's own, that keeps its data on disk, is spoken to by redis-cli and ends as
//! violently as is wanted.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::clock::WallClock;

/// How long it may take to start, or to load its data.
const STARTING: Duration = Duration::from_secs(30);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(20);
/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(30);

/// A Redis with a directory of its own. Killed when dropped.
pub(crate) struct Redis {
    pub(crate) address: SocketAddr,
    master: Option<SocketAddr>,
    clock: Option<WallClock>,
    process: testkit::redis::Redis,
}

impl Redis {
    /// Starts one, which keeps its data in `directory`.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn start(directory: PathBuf) -> anyhow::Result<Self> {
        Self::start_with(None, directory).await
    }

    /// Starts one whose wall clock is this.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn under(clock: &WallClock, directory: PathBuf) -> anyhow::Result<Self> {
        Self::start_with(Some(clock.clone()), directory).await
    }

    async fn start_with(clock: Option<WallClock>, directory: PathBuf) -> anyhow::Result<Self> {
        let mut redis = Self::new(&directory, None, clock)?;
        redis.restart().await?;
        Ok(redis)
    }

    fn new(
        directory: &Path,
        master: Option<SocketAddr>,
        clock: Option<WallClock>,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let mut process = testkit::redis::Redis::new(directory);
        if let Some(clock) = &clock {
            process = process.within(&clock.environment());
        }
        Ok(Self {
            address: process.address,
            master,
            clock,
            process,
        })
    }

    /// Starts a replica of this one, and waits until it has all that its master has.
    ///
    /// # Errors
    /// When it does not come that far.
    pub(crate) async fn replica(&self, directory: PathBuf) -> anyhow::Result<Self> {
        let mut replica = Self::new(&directory, Some(self.address), self.clock.clone())?;
        replica.restart().await?;
        replica.in_sync().await?;
        Ok(replica)
    }

    /// Waits until it has all that its master has.
    ///
    /// # Errors
    /// When that takes too long.
    pub(crate) async fn in_sync(&self) -> anyhow::Result<()> {
        let synced = async {
            while self
                .info("replication")
                .await?
                .get("master_link_status")
                .map(String::as_str)
                != Some("up")
            {
                sleep(LOOK).await;
            }
            anyhow::Ok(())
        };
        timeout(STARTING, synced)
            .await
            .context("the replica does not get in sync")?
    }

    /// Waits until it has become `master` or `slave`.
    ///
    /// # Errors
    /// When that takes too long.
    pub(crate) async fn until_role(&self, role: &str) -> anyhow::Result<()> {
        let changed = async {
            while self
                .info("replication")
                .await?
                .get("role")
                .map(String::as_str)
                != Some(role)
            {
                sleep(LOOK).await;
            }
            anyhow::Ok(())
        };
        timeout(STARTING, changed)
            .await
            .with_context(|| format!("Redis does not become {role}"))?
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        self.process.url()
    }

    /// Makes it nobody's replica when it is started again.
    pub(crate) fn lead(&mut self) {
        self.master = None;
    }

    /// Makes it a replica of `master` when it is started again.
    pub(crate) fn follow(&mut self, master: SocketAddr) {
        self.master = Some(master);
    }

    /// Starts it with the data that it had, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        let mut options = vec!["--appendonly", "yes", "--save", ""];
        options.extend(["--maxmemory-policy", "noeviction"]);
        // So that a hang can be tried, and a replica need not wait for others to sync with.
        options.extend(["--enable-debug-command", "local"]);
        options.extend(["--repl-diskless-sync-delay", "0"]);
        let master = self
            .master
            .map(|at| (at.ip().to_string(), at.port().to_string()));
        if let Some((host, port)) = &master {
            options.extend(["--replicaof", host, port]);
        }
        Ok(self.process.start(&options).await?)
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().await.context("cannot kill Redis")
    }

    /// Sends one command, and returns what redis-cli prints.
    ///
    /// # Errors
    /// When Redis does not answer, or answers with an error.
    pub(crate) async fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("redis-cli");
        let (host, port) = (
            self.address.ip().to_string(),
            self.address.port().to_string(),
        );
        command
            .args(["-e", "-h", &host, "-p", &port])
            .args(arguments)
            .kill_on_drop(true);
        let output = timeout(COMMAND, command.output());
        let output = output
            .await
            .context("redis-cli gets no answer")?
            .context("cannot run redis-cli")?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(
            output.status.success(),
            "Redis answered {arguments:?} with {said} {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(said)
    }

    /// A section of what INFO tells.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(crate) async fn info(&self, section: &str) -> anyhow::Result<HashMap<String, String>> {
        let text = self.command(&["INFO", section]).await?;
        let pairs = text.lines().filter_map(|line| line.trim().split_once(':'));
        Ok(pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }

    /// A number in it.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) async fn number(&self, section: &str, name: &str) -> anyhow::Result<f64> {
        let info = self.info(section).await?;
        let Some(value) = info.get(name) else {
            bail!("Redis tells no {name}")
        };
        Ok(value.parse()?)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.pid()
    }
}
