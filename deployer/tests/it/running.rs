//! A running `deployer up`, as tests start it: the real binary with the real server, in a directory
//! of its own.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::trials::participants::{PATIENCE, server_binary};
use crate::{project, write};

/// A running `up --output json`. Killed when dropped, and its nodes with it.
pub(crate) struct Up {
    pub(crate) child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Up {
    /// Starts one in `directory` with files of its own, so that tests do not find each other's
    /// stacks.
    pub(crate) fn start(directory: &Path, more: &[&str]) -> Self {
        let server = server_binary();
        let mut child = command(directory)
            .args(["up", "--port", "0", "--output", "json"])
            .args(if more.contains(&"--env") {
                vec![]
            } else {
                vec!["--env", "local"]
            })
            .args(more)
            .args(if more.contains(&"--server-bin") {
                vec![]
            } else {
                vec!["--server-bin", server.to_str().unwrap()]
            })
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdout }
    }

    pub(crate) async fn document(&mut self) -> Value {
        let line = timeout(PATIENCE, self.stdout.next_line())
            .await
            .expect("nothing said in time")
            .unwrap();
        serde_json::from_str(&line.expect("it ended")).unwrap()
    }

    pub(crate) async fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let document = self.document().await;
            if document["type"] == kind {
                return document;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id().unwrap(), name);
    }

    /// Its exit code, whether anybody reads what it says or not.
    pub(crate) async fn code(&mut self) -> Option<i32> {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it does not end").unwrap().code()
    }

    /// Its exit code, and what it said on stderr since nobody read that.
    pub(crate) async fn ended(mut self) -> (i32, String) {
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        let ended = async { tokio::join!(self.child.wait(), stderr.read_to_string(&mut said)).0 };
        let status = timeout(PATIENCE, ended)
            .await
            .expect("it does not end")
            .unwrap();
        (status.code().unwrap_or(-1), said)
    }
}

pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
    command
        .current_dir(directory)
        .env("TMPDIR", directory)
        .env("HOME", directory);
    command
}

pub(crate) fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Whether a process runs; one that has ended and was not collected by its parent does not.
pub(crate) fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with(['Z', 'X']))
}

pub(crate) async fn gone(pid: u64) {
    let began = Instant::now();
    while runs(pid) {
        assert!(began.elapsed() < PATIENCE, "{pid} is left behind");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn pid(ready: &Value) -> u64 {
    ready["nodes"][0]["pid"].as_u64().unwrap()
}

/// A directory with the project's environments.
pub(crate) fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in ["defaults.yaml", "local.yaml", "local-cluster.yaml"] {
        let text = std::fs::read_to_string(project().join("environments").join(file)).unwrap();
        write(&directory.path().join("environments").join(file), &text);
    }
    directory
}

/// The same, with a short stop timeout.
pub(crate) fn hasty() -> tempfile::TempDir {
    let directory = directory();
    let file = directory.path().join("environments/defaults.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text
        .replace("stop_timeout: 60s", "stop_timeout: 2s")
        .replace("drain: 25s", "drain: 1s");
    assert!(text.contains("stop_timeout: 2s") && text.contains("drain: 1s"));
    write(&file, &text);
    directory
}

pub(crate) fn script(directory: &Path, text: &str) -> PathBuf {
    let file = directory.join("server.sh");
    write(&file, &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    file
}
