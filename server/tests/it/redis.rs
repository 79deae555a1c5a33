//! A Redis of a test's own: a real process on a free port, which can be stopped, killed and started again.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use server::settings::RedisSettings;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::harness::eventually;

/// See the module. Killed when dropped.
pub(crate) struct Redis {
    pub(crate) address: SocketAddr,
    directory: TempDir,
    options: Vec<String>,
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
        // Another process could take the port before Redis does; it would then end, and the test say so.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let directory = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let child = spawn(address, &directory, &options);
        let redis = Self {
            address,
            directory,
            options,
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
        server::store::Redis::connect(&self.settings())
            .await
            .unwrap()
    }

    /// Ends it at once.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again, at the same address and in the same directory.
    pub(crate) async fn revive(&mut self) {
        self.child = spawn(self.address, &self.directory, &self.options);
        self.listens().await;
    }

    /// Carries out a command, as an operator would.
    pub(crate) async fn ask(&self, command: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd(command[0])
            .arg(&command[1..])
            .query_async(&mut connection)
            .await
            .unwrap()
    }

    async fn listens(&self) {
        eventually("Redis listens", async || {
            let _ = TcpStream::connect(self.address).await.ok()?;
            let client = redis::Client::open(self.url()).unwrap();
            let mut connection = client.get_multiplexed_async_connection().await.ok()?;
            // While it loads its data, it refuses everything.
            redis::cmd("GET")
                .arg("x")
                .query_async::<redis::Value>(&mut connection)
                .await
                .ok()
        })
        .await;
    }
}

fn spawn(address: SocketAddr, directory: &TempDir, options: &[String]) -> Child {
    Command::new("redis-server")
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

/// For how long a store may need until it works again.
pub(crate) const BACK: Duration = Duration::from_secs(2);
