//! A Redis of a test's own: a real process on a free port, which can be stopped, killed and started
//! again.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use server::backends::BackendKeys;
use server::settings::RedisSettings;
use server::tasks::Tasks;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::harness::{BACKEND_KEY, eventually, free_port, signal};

/// A real Redis process. Killed when dropped.
pub(crate) struct Redis {
    pub(crate) address: SocketAddr,
    directory: TempDir,
    options: Vec<String>,
    /// The process's environment, beside the test's own.
    environment: Vec<(String, String)>,
    child: Child,
}

impl Redis {
    /// A Redis without persistence.
    pub(crate) async fn start() -> Self {
        Self::with(&["--save", "", "--appendonly", "no"]).await
    }

    /// A Redis that has every write on disk before it answers.
    pub(crate) async fn durable() -> Self {
        Self::with(&["--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// A Redis with these options.
    pub(crate) async fn with(options: &[&str]) -> Self {
        Self::within(&[], options).await
    }

    /// A Redis with these variables and options.
    pub(crate) async fn within(environment: &[(&str, &str)], options: &[&str]) -> Self {
        let environment = environment.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        let environment: Vec<(String, String)> = environment.collect();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let directory = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let child = spawn(address, &directory, &options, &environment);
        let redis = Self {
            address,
            directory,
            options,
            environment,
            child,
        };
        redis.listens().await;
        redis
    }

    /// Its URL, as `STORE` takes it.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn settings(&self) -> RedisSettings {
        RedisSettings {
            url: self.url(),
            username: None,
            password: None,
        }
    }

    pub(crate) async fn connect(&self) -> server::store::Redis {
        open(&self.settings(), &Tasks::new()).await.unwrap()
    }

    /// Ends it at once.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again, at the same address and in the same directory.
    pub(crate) async fn revive(&mut self) {
        let (options, environment) = (&self.options, &self.environment);
        self.child = spawn(self.address, &self.directory, options, environment);
        self.listens().await;
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id().expect("Redis runs"), name);
    }

    /// Carries out a command, as an operator would.
    pub(crate) async fn ask(&self, command: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.url()).unwrap();
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .unwrap();
        redis::cmd(command[0])
            .arg(&command[1..])
            .query_async(&mut connection)
            .await
            .unwrap()
    }

    async fn listens(&self) {
        eventually("Redis listens", async || {
            let mut stream = TcpStream::connect(self.address).await.ok()?;
            stream.write_all(b"GET x\r\n").await.ok()?;
            let mut answer = [0; 16];
            let length = stream.read(&mut answer).await.ok()?;
            // It may want credentials, but has loaded its data.
            (length > 0 && !answer.starts_with(b"-LOADING")).then_some(())
        })
        .await;
    }
}

/// The store in a Redis, as a node opens it.
pub(crate) async fn open(
    settings: &RedisSettings,
    tasks: &Tasks,
) -> anyhow::Result<server::store::Redis> {
    let keys = BackendKeys::parse(BACKEND_KEY).unwrap();
    server::store::Redis::connect(settings, &keys, tasks).await
}

fn spawn(
    address: SocketAddr,
    directory: &TempDir,
    options: &[String],
    environment: &[(String, String)],
) -> Child {
    Command::new("redis-server")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .args([
            "--bind",
            "127.0.0.1",
            "--port",
            &address.port().to_string(),
            "--dir",
        ])
        .arg(directory.path())
        .args(options)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("redis-server is installed")
}
