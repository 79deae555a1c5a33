//! A Redis on this machine: a real process on a free port, which can be killed and started again.
//! It dies with the process that started it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::port::free_port;

/// How long it may take to start, or to load its data.
const STARTING: Duration = Duration::from_secs(60);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(20);
/// What it says, in its directory.
const LOG: &str = "redis.log";

/// A Redis with a directory of its own. Killed when dropped.
pub struct Redis {
    pub address: SocketAddr,
    directory: PathBuf,
    environment: Vec<(String, OsString)>,
    child: Option<Child>,
}

impl Redis {
    /// One that keeps what it holds in `directory`, which exists. It is not started yet.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())),
            directory: directory.to_owned(),
            environment: Vec::new(),
            child: None,
        }
    }

    /// Adds variables to its environment, from its next start on.
    #[must_use]
    pub fn within(mut self, environment: &[(&str, impl AsRef<OsStr>)]) -> Self {
        let pairs = environment.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), value.as_ref().to_owned()));
        self.environment.extend(pairs);
        self
    }

    /// Starts it with these options, `--name value …`, and the data that its directory has. Waits
    /// until it answers. One that runs is killed before.
    ///
    /// # Errors
    /// It cannot be started, or does not answer within a minute.
    pub async fn start(&mut self, options: &[&str]) -> io::Result<()> {
        self.start_with(None, options).await
    }

    /// The same with a configuration file.
    ///
    /// # Errors
    /// It cannot be started, or does not answer within a minute.
    pub async fn start_with(&mut self, file: Option<&Path>, options: &[&str]) -> io::Result<()> {
        self.kill().await?;
        let log = self.directory.join(LOG);
        let (host, port) = (self.address.ip(), self.address.port());
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "redis-server"])
            .args(file)
            .args(["--bind", &host.to_string(), "--port", &port.to_string()])
            .arg("--dir")
            .arg(&self.directory)
            .args(options)
            .envs(environment)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(File::options().create(true).append(true).open(&log)?)
            .kill_on_drop(true);
        let child = self.child.insert(command.spawn()?);
        let started = timeout(STARTING, until_it_answers(child, self.address)).await;
        let failure = match started {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) => failure,
            Err(_) => "it does not answer".to_owned(),
        };
        let said = std::fs::read_to_string(log).unwrap_or_default();
        Err(io::Error::other(format!("Redis: {failure}\n{said}")))
    }

    /// Kills it with SIGKILL, if it runs.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(&mut self) -> io::Result<()> {
        match self.child.take() {
            Some(mut child) => child.kill().await,
            None => Ok(()),
        }
    }

    /// Its URL, without TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Carries out a command, as an operator would.
    ///
    /// # Errors
    /// It is away, or refuses the command.
    pub async fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> io::Result<T> {
        let client = redis::Client::open(self.url()).map_err(io::Error::other)?;
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = connection.await.map_err(io::Error::other)?;
        let mut asked = redis::cmd(command[0]);
        asked.arg(&command[1..]);
        let answer = asked.query_async(&mut connection).await;
        answer.map_err(io::Error::other)
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }
}

async fn until_it_answers(child: &mut Child, address: SocketAddr) -> Result<(), String> {
    while !answers(address).await {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("it ended with {status}"));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// Whether it has its data. It may want credentials or TLS: then it says so, or hangs up.
async fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return false;
    };
    let mut answer = [0; 16];
    if stream.write_all(b"GET x\r\n").await.is_err() {
        return true;
    }
    let length = stream.read(&mut answer).await.unwrap_or(0);
    !answer[..length].starts_with(b"-LOADING")
}
