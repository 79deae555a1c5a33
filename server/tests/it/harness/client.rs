//! Clients of the official libraries, each a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{PATIENCE, Server, signal};

/// Which client library, in which of its ways.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `v4`, `v3`, `v2` (socket.io-client from npm), `python` or `python4` (python-socketio 4).
    pub(crate) library: &'static str,
    /// `polling`, `websocket`, or both for the upgrade.
    pub(crate) transports: Vec<&'static str>,
    /// The plugin's key as `auth.key`.
    pub(crate) auth: Option<String>,
    /// The plugin's key as the handshake's header.
    pub(crate) header: Option<String>,
    pub(crate) namespace: String,
    /// Whether it acknowledges by itself.
    pub(crate) acknowledge: bool,
    /// Data of messages that end its session. JavaScript clients only.
    pub(crate) breaks_at: Option<String>,
}

impl Options {
    /// Client v4 with the upgrade, key in `auth`, namespace `dropcodes`.
    pub(crate) fn new(key: &str) -> Self {
        Self {
            library: "v4",
            transports: vec!["polling", "websocket"],
            auth: Some(key.to_owned()),
            header: None,
            namespace: "/dropcodes".to_owned(),
            acknowledge: true,
            breaks_at: None,
        }
    }

    pub(crate) fn library(self, library: &'static str) -> Self {
        Self { library, ..self }
    }

    pub(crate) fn transports(self, transports: &[&'static str]) -> Self {
        Self {
            transports: transports.to_vec(),
            ..self
        }
    }

    /// Joins another namespace; begins with a slash.
    pub(crate) fn namespace(self, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            ..self
        }
    }

    /// Acknowledges only when told to.
    pub(crate) fn unacknowledging(self) -> Self {
        Self {
            acknowledge: false,
            ..self
        }
    }

    /// Sends the key as a header instead.
    pub(crate) fn by_header(self) -> Self {
        Self {
            header: self.auth,
            auth: None,
            ..self
        }
    }
}

/// A client process. It prints what happens to it, a JSON object a line:
/// `connected`, `connect_error`, `message`, `disconnected`, `upgraded`.
pub(crate) struct Client {
    name: String,
    child: Child,
    stdin: ChildStdin,
    events: mpsc::Receiver<Value>,
}

impl Client {
    /// Starts a client that connects to `server`.
    pub(crate) fn start(server: &Server, options: &Options) -> Self {
        Self::connect(&format!("http://{}", server.address), options)
    }

    /// Starts a client that connects to `url`.
    pub(crate) fn connect(url: &str, options: &Options) -> Self {
        let config = json!({
            "url": url, "path": "/websockets", "library": options.library, "transports": options.transports,
            "auth": options.auth, "header": options.header, "namespace": options.namespace,
            "acknowledge": options.acknowledge, "breaks_at": options.breaks_at,
        });
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let (program, script): (PathBuf, _) = match options.library {
            "python" => (root.join(".cache/venv/bin/python"), "client.py"),
            "python4" => (
                root.join(".cache/python4/bin/python"),
                "client_protocol4.py",
            ),
            _ => ("node".into(), "client.cjs"),
        };
        let mut child = Command::new(program)
            .arg(clients.join(script))
            .arg(config.to_string())
            .env("NODE_PATH", root.join("tools/node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("`make tools` installs the clients");
        let (sender, events) = mpsc::channel(65_536);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                let _ = sender.send(event).await;
            }
        });
        let stdin = child.stdin.take().unwrap();
        Self {
            name: format!("{} {:?}", options.library, options.transports),
            child,
            stdin,
            events,
        }
    }

    /// The next event, whichever.
    pub(crate) async fn next(&mut self) -> Value {
        timeout(PATIENCE, self.events.recv())
            .await
            .unwrap_or_else(|_| panic!("{}: nothing happens", self.name))
            .unwrap_or_else(|| panic!("{}: the client's process ended", self.name))
    }

    /// Panics if an event of this type comes within `time`.
    pub(crate) async fn stays_without(&mut self, kind: &str, time: Duration) {
        if let Ok(event) = timeout(time, self.wait_for(kind)).await {
            panic!("{}: {event}", self.name);
        }
    }

    /// Skips to the next event of this type.
    pub(crate) async fn wait_for(&mut self, kind: &str) -> Value {
        let mut skipped = Vec::new();
        let found = timeout(PATIENCE, self.skip_to(kind, &mut skipped)).await;
        found.unwrap_or_else(|_| panic!("{}: no {kind}, but {skipped:?}", self.name))
    }

    /// The same without a bound of its own.
    pub(crate) async fn wait_long_for(&mut self, kind: &str) -> Value {
        self.skip_to(kind, &mut Vec::new()).await
    }

    async fn skip_to(&mut self, kind: &str, skipped: &mut Vec<Value>) -> Value {
        loop {
            let event = self.events.recv().await;
            let event =
                event.unwrap_or_else(|| panic!("{}: the client's process ended", self.name));
            if event["type"] == kind {
                return event;
            }
            skipped.push(event);
        }
    }

    /// The ids of the next `count` messages, in order of arrival.
    pub(crate) async fn messages(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let message = self.wait_for("message").await;
            ids.push(message["message"]["id"].as_str().unwrap().to_owned());
        }
        ids
    }

    /// The ids of the messages that it still had to tell of when it ended.
    pub(crate) async fn rest_of_messages(&mut self) -> Vec<String> {
        let mut ids = Vec::new();
        while let Some(event) = timeout(PATIENCE, self.events.recv())
            .await
            .expect("the client ends in time")
        {
            if event["type"] == "message" {
                ids.push(event["message"]["id"].as_str().unwrap().to_owned());
            }
        }
        ids
    }

    /// Tells the client what to do: `disconnect`, `connect`, or `ack` with `number` and `id`.
    pub(crate) async fn tell(&mut self, command: Value) {
        self.stdin
            .write_all(format!("{command}\n").as_bytes())
            .await
            .unwrap();
    }

    /// Sends a signal to the client's process.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id().expect("the client runs"), name);
    }
}
