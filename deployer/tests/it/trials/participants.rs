//! Who takes part in the trials: targets on the official server library, clients on the official
//! client libraries.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::project;

/// Bound of every wait in these trials.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A process that prints lines. Killed when dropped.
pub(crate) struct Talker {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Talker {
    pub(crate) fn start(mut command: Command) -> Self {
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = piped
            .spawn()
            .expect("`make tools` installs the trials' programs");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            _child: child,
            lines,
        }
    }

    pub(crate) async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line())
            .await
            .expect("nothing said in time");
        line.unwrap().expect("the process ended")
    }
}

fn node(script: &Path, config: &Value) -> Command {
    let mut command = Command::new("node");
    command
        .arg(script)
        .arg(config.to_string())
        .env("NODE_PATH", project().join("tools/node_modules"));
    command
}

fn targets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/targets")
}

/// A target on an official server library: npm's socket.io.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    _process: Talker,
}

impl Target {
    /// Starts one of that name; `config` has what the script takes, times in milliseconds.
    pub(crate) async fn start(name: &str, mut config: Value) -> Self {
        config["name"] = json!(name);
        Self::listening(node(&targets().join("socketio.cjs"), &config)).await
    }

    /// Starts one on python-socketio.
    pub(crate) async fn python(config: &Value) -> Self {
        let mut command = Command::new(project().join(".cache/venv/bin/python"));
        command
            .arg(targets().join("socketio_server.py"))
            .arg(config.to_string());
        Self::listening(command).await
    }

    async fn listening(command: Command) -> Self {
        let mut process = Talker::start(command);
        let port: u16 = process.line().await.parse().unwrap();
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            _process: process,
        }
    }
}

/// The backend key of every real server here.
pub(crate) const BACKEND_KEY: &str = "test-backend-key-of-32-characters";

/// The real server, by itself.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _child: Child,
}

impl Server {
    /// Starts one with these settings beside the defaults; it listens when this returns.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], testkit::port::free_port()));
        let mut command = Command::new(server_binary());
        command
            .env_clear()
            .env("BIND", address.to_string())
            .env("ADMIN_BIND", "127.0.0.1:0");
        command
            .env("S2S_KEYS", BACKEND_KEY)
            .envs(settings.iter().copied());
        let child = command
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let up = async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, up)
            .await
            .expect("the server does not listen");
        Self {
            address,
            _child: child,
        }
    }
}

/// A client on one of the official libraries, as the server's own tests use them.
pub(crate) struct Client {
    process: Talker,
    began: Instant,
}

impl Client {
    /// Starts one: `library` is `v4`, `v3`, `v2` or `python`; `config` has what the script takes
    /// beside it.
    pub(crate) fn start(library: &str, url: &str, mut config: Value) -> Self {
        config["library"] = json!(library);
        config["url"] = json!(url);
        let clients = project().join("server/tests/clients");
        let command = if library == "python" {
            let mut command = Command::new(project().join(".cache/venv/bin/python"));
            command
                .arg(clients.join("client.py"))
                .arg(config.to_string());
            command
        } else {
            node(&clients.join("client.cjs"), &config)
        };
        Self {
            process: Talker::start(command),
            began: Instant::now(),
        }
    }

    /// The next event, whichever.
    pub(crate) async fn next(&mut self) -> Value {
        serde_json::from_str(&self.process.line().await).unwrap()
    }

    /// Skips to the next event of this type.
    pub(crate) async fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Asserts that nothing but what is `allowed` happens until `time` after the start.
    pub(crate) async fn quiet_until(&mut self, time: Duration, allowed: &[&str]) {
        let until = tokio::time::Instant::from_std(self.began + time);
        while let Ok(line) = tokio::time::timeout_at(until, self.process.lines.next_line()).await {
            let event: Value =
                serde_json::from_str(&line.unwrap().expect("the client ended")).unwrap();
            assert!(
                allowed.iter().any(|kind| event["type"] == *kind),
                "{event} after {:?}",
                self.began.elapsed()
            );
        }
    }
}

/// The real server, built from this workspace's sources as they are.
pub(crate) fn server_binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let built = std::process::Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--package", "server"])
            .current_dir(project())
            .status();
        assert!(built.unwrap().success());
        Path::new(env!("CARGO_BIN_EXE_deployer")).with_file_name("server")
    };
    BUILT.get_or_init(build).clone()
}
