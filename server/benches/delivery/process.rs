//! A server under measurement: ours, or socket.io on Node.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

const BACKEND_KEY: &str = "benchmark-backend-key-of-32-characters";

pub(crate) struct Process {
    child: Child,
    address: String,
    admin: Option<String>,
    http: reqwest::Client,
}

impl Process {
    /// Our server, with its embedded store in memory.
    pub(crate) async fn holdfast() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_server"))
            .env_clear()
            .envs([
                ("BIND", "127.0.0.1:0"),
                ("ADMIN_BIND", "127.0.0.1:0"),
                ("S2S_KEYS", BACKEND_KEY),
                ("LOG_LEVEL", "server=info"),
                // All clients have one address here, and many have one key.
                ("CONNECTIONS_PER_ADDRESS", "none"),
                ("HANDSHAKES_PER_ADDRESS", "none"),
                ("SOCKETS_PER_KEY", "none"),
                ("JOINS_PER_KEY", "none"),
            ])
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready: Value =
            serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self {
            child,
            address: text("address"),
            admin: Some(text("admin_address")),
            http: reqwest::Client::new(),
        }
    }

    /// socket.io on Node, which broadcasts when told to.
    pub(crate) async fn socketio() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new("node")
            .arg(root.join("benches/delivery/socketio.cjs"))
            .env("NODE_PATH", root.join("../tools/node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("`make tools` installs socket.io");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap();
        Self {
            child,
            address: format!("127.0.0.1:{port}"),
            admin: None,
            http: reqwest::Client::new(),
        }
    }

    pub(crate) fn is_holdfast(&self) -> bool {
        self.admin.is_some()
    }

    pub(crate) fn name(&self) -> &'static str {
        if self.is_holdfast() {
            "holdfast"
        } else {
            "socket.io"
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("http://{}{path}", self.address));
        let answer = request
            .header("authorization", format!("ApiKey {BACKEND_KEY}"))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert!(
            answer.status().is_success(),
            "{}",
            answer.text().await.unwrap()
        );
        answer.json().await.unwrap()
    }

    pub(crate) async fn key(&self, channel: &str) -> String {
        let body = json!({ "channel": channel, "namespaces": ["dropcodes"] });
        self.post("/v1/keys", body).await["key"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Sends one message to every socket.
    pub(crate) async fn broadcast(&mut self) {
        if self.is_holdfast() {
            let body = json!({ "event": "e", "data": "x".repeat(200) });
            self.post("/v1/namespaces/dropcodes/messages", body).await;
        } else {
            self.child
                .stdin
                .as_mut()
                .unwrap()
                .write_all(b"broadcast\n")
                .await
                .unwrap();
        }
    }

    /// The upper bound of the histogram's bucket in which the 99th percentile lies, in ms.
    pub(crate) async fn lateness_p99(&self) -> f64 {
        let url = format!("http://{}/metrics", self.admin.as_deref().unwrap());
        let page = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let buckets: Vec<(f64, f64)> = page
            .lines()
            .filter_map(|line| {
                line.strip_prefix("holdfast_lateness_seconds_bucket{le=\"")?
                    .split_once("\"} ")
            })
            .map(|(bound, count)| {
                (
                    bound.parse().unwrap_or(f64::INFINITY),
                    count.parse().unwrap(),
                )
            })
            .collect();
        let total = buckets.last().unwrap().1;
        buckets
            .iter()
            .find(|(_, count)| *count >= total * 0.99)
            .unwrap()
            .0
            * 1000.0
    }

    /// User and system time of the process so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id().unwrap())).unwrap();
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // USER_HZ is 100 on Linux.
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}
