//! A Redis of the run's own, that keeps its data on disk, is spoken to by redis-cli and ends as
//! violently as is wanted.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::clock::WallClock;
use crate::process::{child_command, free_address};

/// How long it may take to start, or to load its data.
const STARTING: Duration = Duration::from_secs(30);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(20);
/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(30);

/// A Redis with a directory of its own. Killed when dropped.
pub(crate) struct Redis {
    pub(crate) address: SocketAddr,
    directory: PathBuf,
    master: Option<SocketAddr>,
    clock: Option<WallClock>,
    child: Option<Child>,
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
        std::fs::create_dir_all(&directory)?;
        let mut redis = Self {
            address: free_address()?,
            directory,
            master: None,
            clock,
            child: None,
        };
        redis.restart().await?;
        Ok(redis)
    }

    /// Starts a replica of this one, and waits until it has all that its master has.
    ///
    /// # Errors
    /// When it does not come that far.
    pub(crate) async fn replica(&self, directory: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&directory)?;
        let mut replica = Self {
            address: free_address()?,
            directory,
            master: Some(self.address),
            clock: self.clock.clone(),
            child: None,
        };
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
        format!("redis://{}", self.address)
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
        self.kill().await?;
        let (host, port) = (
            self.address.ip().to_string(),
            self.address.port().to_string(),
        );
        let mut command = child_command("redis-server", &self.directory.join("redis.log"))?;
        command.args(["--bind", &host, "--port", &port, "--dir"]);
        command.arg(&self.directory);
        command.args([
            "--appendonly",
            "yes",
            "--save",
            "",
            "--maxmemory-policy",
            "noeviction",
        ]);
        // So that a hang can be tried, and a replica need not wait for others to sync with.
        command.args([
            "--enable-debug-command",
            "local",
            "--repl-diskless-sync-delay",
            "0",
        ]);
        if let Some(master) = self.master {
            command.args([
                "--replicaof",
                &master.ip().to_string(),
                &master.port().to_string(),
            ]);
        }
        if let Some(clock) = &self.clock {
            command.envs(clock.environment());
        }
        let log = self.directory.join("redis.log");
        command.arg("--logfile").arg(&log);
        self.child = Some(command.spawn().context("cannot start redis-server")?);
        let answers = async {
            while self.command(&["PING"]).await.ok().as_deref() != Some("PONG") {
                sleep(LOOK).await;
            }
        };
        let answered = timeout(STARTING, answers).await;
        answered.with_context(|| format!("Redis does not answer; see {}", log.display()))
    }

    /// Kills it with -9.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        match self.child.take() {
            Some(mut child) => child.kill().await.context("cannot kill Redis"),
            None => Ok(()),
        }
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
        self.child.as_ref().and_then(Child::id)
    }
}
