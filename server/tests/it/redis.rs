//! A Redis of a test's own: a real process on a free port, which can be stopped, killed and started
//! again.

use std::net::SocketAddr;

use server::backends::BackendKeys;
use server::settings::RedisSettings;
use server::tasks::Tasks;
use tempfile::TempDir;

use crate::harness::{BACKEND_KEY, signal};

/// A real Redis process. Killed when dropped.
pub(crate) struct Redis {
    pub(crate) address: SocketAddr,
    options: Vec<String>,
    process: testkit::redis::Redis,
    _directory: TempDir,
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
        let directory = tempfile::tempdir().unwrap();
        let process = testkit::redis::Redis::new(directory.path()).within(environment);
        let mut redis = Self {
            address: process.address,
            options: options.iter().map(|&option| option.to_owned()).collect(),
            process,
            _directory: directory,
        };
        redis.revive().await;
        redis
    }

    /// Its URL, as `STORE` takes it.
    pub(crate) fn url(&self) -> String {
        self.process.url()
    }

    pub(crate) fn settings(&self) -> RedisSettings {
        RedisSettings {
            url: self.url(),
            ..RedisSettings::default()
        }
    }

    pub(crate) async fn connect(&self) -> server::store::Redis {
        open(&self.settings(), &Tasks::new()).await.unwrap()
    }

    /// A connection for announcements.
    pub(crate) async fn pubsub(&self) -> redis::aio::PubSub {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_async_pubsub().await.unwrap()
    }

    /// Ends it at once.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Starts it again, at the same address and in the same directory.
    pub(crate) async fn revive(&mut self) {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        self.process.start(&options).await.unwrap();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.process.pid().expect("Redis runs"), name);
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
}

/// The store in a Redis, as a node opens it.
pub(crate) async fn open(
    settings: &RedisSettings,
    tasks: &Tasks,
) -> anyhow::Result<server::store::Redis> {
    let keys = BackendKeys::parse(BACKEND_KEY).unwrap();
    server::store::Redis::connect(settings, &keys, tasks).await
}
