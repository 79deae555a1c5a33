//! Whoever signs tokens: a process with Node's own cryptography.

use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::harness::PATIENCE;

/// A process that signs tokens. Killed when dropped.
pub(crate) struct Signer {
    _child: Child,
    asked: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Signer {
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/tokens.cjs");
        let mut child = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            asked: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()).lines(),
            _child: child,
        }
    }

    async fn ask(&mut self, what: Value) -> Value {
        let line = format!("{what}\n");
        self.asked.write_all(line.as_bytes()).await.unwrap();
        let answer = timeout(PATIENCE, self.answers.next_line()).await;
        serde_json::from_str(&answer.unwrap().unwrap().unwrap()).unwrap()
    }

    /// The key set with the keys of these names.
    pub(crate) async fn set(&mut self, names: &[&str]) -> String {
        self.ask(json!({ "set": names })).await.to_string()
    }

    /// A token with these claims, signed by a key of this name.
    pub(crate) async fn sign(&mut self, name: &str, algorithm: &str, claims: Value) -> String {
        let asked = json!({ "sign": name, "algorithm": algorithm, "claims": claims });
        self.ask(asked).await.as_str().unwrap().to_owned()
    }

    /// A token that names another algorithm in its header than the one that signed it.
    pub(crate) async fn sign_as(&mut self, name: &str, header: Value, claims: Value) -> String {
        let asked =
            json!({ "sign": name, "algorithm": "HS256", "claims": claims, "header": header });
        self.ask(asked).await.as_str().unwrap().to_owned()
    }
}

/// Claims for `dropcodes`, valid for so many seconds.
pub(crate) fn claims(id: &str, channel: &str, seconds: f64) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let end = now.unwrap().as_secs_f64() + seconds;
    json!({ "sub": id, "channel": channel, "namespaces": ["dropcodes"], "exp": end })
}
