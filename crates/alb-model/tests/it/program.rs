//! The program `alb-model`, as its users start it.

use std::process::Stdio;

use testkit::backend::{BOUND, echo, get};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

fn command(configuration: &str) -> (Command, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.yaml");
    std::fs::write(&path, configuration).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_alb-model"));
    command
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    (command, directory)
}

#[tokio::test]
async fn it_balances_what_its_file_names() {
    let target = echo().await.address;
    let (mut command, _directory) = command(&format!(
        "idle_timeout: 60s
listeners:
  - address: 127.0.0.1:0
    group: app
groups:
  - name: app
    targets: ['{target}']
    stickiness: 1h
    health_check: {{ path: /healthcheck, interval: 100ms, timeout: 90ms }}
"
    ));
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = timeout(BOUND, lines.next_line()).await.expect("it speaks");
        line.unwrap().expect("it lives")
    };
    let listens = next().await;
    let address = listens.strip_prefix("listener 0 on ").unwrap();
    while next().await != format!("app: {target} is healthy") {}
    let reply = get(address.parse().unwrap(), "/", &[]).await;
    assert_eq!(reply.status, 200);
    assert!(!reply.cookie("AWSALB").is_empty());
}

#[tokio::test]
async fn a_wrong_file_is_refused_with_its_line() {
    for (configuration, said) in [
        ("listeners: []\ngroups: []\ncolour: red\n", "colour"),
        (
            "idle_timeout: 60\nlisteners: []\ngroups: []\n",
            "`60` is no duration",
        ),
        (
            "listeners: [{address: '127.0.0.1:0', group: x}]\ngroups: []\n",
            "\"x\" is forwarded to",
        ),
    ] {
        let (mut command, _directory) = command(configuration);
        let output = timeout(BOUND, command.output()).await.unwrap().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(said), "{error}");
    }
}
