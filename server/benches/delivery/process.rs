//! A server under measurement, as a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::client::DATA;

const BACKEND_KEY: &str = "benchmark-backend-key-of-32-characters";

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// Our server, with its embedded store in memory.
    Holdfast,
    /// socket.io on Bun, with Bun's own engine.
    Bun,
    /// socket.io on Node.
    Node,
    /// socketioxide as it comes.
    Socketioxide,
    /// One write and one read for each message and socket.
    Floor,
}

pub(crate) const KINDS: [Kind; 5] = [
    Kind::Holdfast,
    Kind::Bun,
    Kind::Node,
    Kind::Socketioxide,
    Kind::Floor,
];

/// The namespace whose messages are acknowledged, and the one whose are not.
pub(crate) const ACKNOWLEDGED: &str = "dropcodes";
pub(crate) const PLAIN: &str = "donations";

pub(crate) struct Process {
    pub(crate) kind: Kind,
    child: Child,
    pub(crate) address: String,
    http: reqwest::Client,
}

impl Process {
    pub(crate) async fn start(kind: Kind) -> Self {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        let peer = |program: PathBuf| {
            let mut command = Command::new(program);
            command.arg(peers.join("peer.mjs"));
            command
        };
        let mut command = match kind {
            Kind::Holdfast => Command::new(env!("CARGO_BIN_EXE_server")),
            Kind::Bun => peer(peers.join("node_modules/.bin/bun")),
            Kind::Node => peer("node".into()),
            Kind::Socketioxide | Kind::Floor => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(["serve", &format!("{kind:?}")]);
                command
            }
        };
        command
            .envs([
                ("BIND", "127.0.0.1:0"),
                ("ADMIN_BIND", "127.0.0.1:0"),
                ("S2S_KEYS", BACKEND_KEY),
                ("LOG_LEVEL", "server=info"),
                ("NAMESPACES", "dropcodes,donations"),
                ("UNACKNOWLEDGED_NAMESPACES", PLAIN),
                // All clients have one address here.
                ("CONNECTIONS_PER_ADDRESS", "none"),
                ("HANDSHAKES_PER_ADDRESS", "none"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if kind == Kind::Holdfast {
            command.stderr(Stdio::piped());
        }
        let mut child = command.spawn().expect("`make bench` installs the peers");
        let address = match kind {
            Kind::Holdfast => ready(&mut child).await,
            _ => port(child.stdout.take().unwrap()).await,
        };
        Self {
            kind,
            child,
            address,
            http: reqwest::Client::new(),
        }
    }

    async fn post(&self, path: &str, body: Value) -> reqwest::Response {
        let request = self.http.post(format!("http://{}{path}", self.address));
        let request = request.header("authorization", format!("ApiKey {BACKEND_KEY}"));
        let answer = request.json(&body).send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{}",
            answer.text().await.unwrap()
        );
        answer
    }

    /// What clients of channel `channel` show: a key of ours, and the channel itself elsewhere.
    pub(crate) async fn key(&self, channel: &str) -> String {
        if self.kind != Kind::Holdfast {
            return channel.to_owned();
        }
        let body = json!({ "channel": channel, "namespaces": [ACKNOWLEDGED, PLAIN] });
        let key: Value = self.post("/v1/keys", body).await.json().await.unwrap();
        key["key"].as_str().unwrap().to_owned()
    }

    /// Sends a message to a channel, or to everyone in the namespace.
    pub(crate) async fn emit(&self, namespace: &str, channel: Option<&str>) {
        let path = match (self.kind, channel) {
            (Kind::Holdfast, Some(channel)) => {
                format!("/v1/namespaces/{namespace}/channels/{channel}/messages")
            }
            (Kind::Holdfast, None) => format!("/v1/namespaces/{namespace}/messages"),
            (_, channel) => {
                let channel = channel.map(|channel| format!("&channel={channel}"));
                let asks = if namespace == ACKNOWLEDGED {
                    "&acknowledged=1"
                } else {
                    ""
                };
                format!("/emit?n=1{}{asks}", channel.unwrap_or_default())
            }
        };
        self.post(&path, json!({ "event": "e", "data": "x".repeat(DATA) }))
            .await;
    }

    /// User and system time of the process so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id().unwrap())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
        // USER_HZ is 100 on Linux.
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .unwrap()
            * 1024
    }
}

/// Waits for our server's line, and reads on so that it never waits for its reader.
async fn ready(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    ready["address"]
        .as_str()
        .unwrap_or_else(|| panic!("{line}"))
        .to_owned()
}

async fn port(stdout: ChildStdout) -> String {
    let port = BufReader::new(stdout).lines().next_line().await.unwrap();
    format!("127.0.0.1:{}", port.unwrap())
}
