//! A server process of its own for each test, a backend that talks to it, and clients that connect
//! to it.

mod client;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub(crate) use client::{Client, Options};
pub(crate) use testkit::port::free_port;

/// A backend key that every test server knows.
pub(crate) const BACKEND_KEY: &str = "test-backend-key-of-32-characters";
/// A key that gets messages since then gets all that are live.
pub(crate) const BEGINNING: &str = "1970-01-01T00:00:00Z";
/// How long anything may take that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running server process. Killed when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    http: reqwest::Client,
}

impl Server {
    /// Starts a server on free ports with these settings beside the defaults.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let mut env = HashMap::from([
            ("BIND", "127.0.0.1:0"),
            ("ADMIN_BIND", "127.0.0.1:0"),
            ("S2S_KEYS", BACKEND_KEY),
            ("LOG_LEVEL", "server=debug"),
            ("LOG_LINES_PER_SECOND", "none"),
        ]);
        env.extend(settings.iter().copied());
        let mut child = Command::new(env!("CARGO_BIN_EXE_server"))
            .env_clear()
            .envs(env)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let seen = log.clone();
        tokio::spawn(async move {
            let mut ready = Some(ready);
            while let Ok(Some(line)) = lines.next_line().await {
                let entry: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if entry["message"] == "ready"
                    && let Some(ready) = ready.take()
                {
                    let _ = ready.send(entry.clone());
                }
                seen.lock().unwrap().push(entry);
            }
        });
        let ready = timeout(PATIENCE, is_ready)
            .await
            .expect("the server is ready in time");
        let ready = ready.unwrap_or_else(|_| panic!("the server ended: {:?}", log.lock().unwrap()));
        let address = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        let http = reqwest::Client::new();
        Self {
            address: address("address"),
            admin: address("admin_address"),
            child,
            log,
            http,
        }
    }

    /// Calls the API with the backend key.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let url = format!("http://{}{path}", self.address);
        let mut request = self
            .http
            .request(method, url)
            .header("authorization", format!("ApiKey {BACKEND_KEY}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// Publishes to `dropcodes/{channel}` and returns the message. Panics unless it was accepted.
    pub(crate) async fn publish(&self, channel: &str, body: Value) -> Value {
        let path = format!("/v1/namespaces/dropcodes/channels/{channel}/messages");
        let (status, message) = self.call(Method::POST, &path, Some(body)).await;
        assert_eq!(status, 202, "{message}");
        message
    }

    /// Issues a key for a channel in both default namespaces, which gets what was due before it,
    /// too; returns id and key.
    pub(crate) async fn key(&self, channel: &str) -> (String, String) {
        let namespaces = ["dropcodes", "donations"];
        let body = json!({ "channel": channel, "namespaces": namespaces, "since": BEGINNING });
        let (status, key) = self.call(Method::POST, "/v1/keys", Some(body)).await;
        assert_eq!(status, 201, "{key}");
        (
            key["id"].as_str().unwrap().to_owned(),
            key["key"].as_str().unwrap().to_owned(),
        )
    }

    /// Issues a key that ends after `left`; returns id and key.
    pub(crate) async fn expiring_key(&self, channel: &str, left: Duration) -> (String, String) {
        let end = humantime::format_rfc3339_millis(SystemTime::now() + left).to_string();
        let body = json!({ "channel": channel, "namespaces": ["dropcodes"], "expires_at": end, "since": BEGINNING });
        let (status, key) = self.call(Method::POST, "/v1/keys", Some(body)).await;
        assert_eq!(status, 201, "{key}");
        (
            key["id"].as_str().unwrap().to_owned(),
            key["key"].as_str().unwrap().to_owned(),
        )
    }

    /// Revokes a key.
    pub(crate) async fn revoke(&self, id: &str) {
        let (status, answer) = self
            .call(Method::DELETE, &format!("/v1/keys/{id}"), None)
            .await;
        assert_eq!(status, 204, "{answer}");
    }

    /// A message of `dropcodes/{channel}`, as backends see it.
    pub(crate) async fn message(&self, channel: &str, id: &str) -> Value {
        let path = format!("/v1/namespaces/dropcodes/channels/{channel}/messages/{id}");
        let (status, message) = self.call(Method::GET, &path, None).await;
        assert_eq!(status, 200, "{message}");
        message
    }

    /// Waits until the timeline of a message tells of this event.
    pub(crate) async fn is_noted(&self, channel: &str, id: &str, event: &str) -> Value {
        eventually(&format!("{id}: {event}"), async || {
            let message = self.message(channel, id).await;
            let timeline = message["timeline"].as_array().cloned().unwrap_or_default();
            timeline.into_iter().find(|note| note["event"] == event)
        })
        .await
    }

    /// The state of a message of `dropcodes/{channel}`.
    pub(crate) async fn state(&self, channel: &str, id: &str) -> String {
        let message = self.message(channel, id).await;
        message["state"].as_str().unwrap().to_owned()
    }

    /// Waits until a message is in a state: what a client has seen is in the store a moment later.
    pub(crate) async fn becomes(&self, channel: &str, id: &str, state: &str) {
        eventually(&format!("{id} is {state}"), async || {
            (self.state(channel, id).await == state).then_some(())
        })
        .await;
    }

    /// The value of a metric's line, such as `holdfast_redeliveries_total`, or zero without such a
    /// line.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let page = self
            .http
            .get(format!("http://{}/metrics", self.admin))
            .send()
            .await
            .unwrap();
        let page = page.text().await.unwrap();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// What the server has logged so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    /// The memory that the process has, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let pid = self.child.id().expect("the server runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse().unwrap()
    }

    /// Sends a signal: `TERM`, `INT`, `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id().expect("the server runs"), name);
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE * 3, self.child.wait())
            .await
            .expect("the server ends in time")
            .unwrap()
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Waits until `check` gives something, or panics with `what`.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut check: impl FnMut() -> F,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
