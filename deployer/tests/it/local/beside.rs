//! What `up` prints for people, beside another stack of the same project.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

use super::stack::Stack;
use crate::running::command;
use crate::trials::participants::{PATIENCE, server_binary};
use crate::write;

/// A page may connect, over HTTP: on AWS a rule would be violated.
const WITH_A_PAGE: &str = "\
extends: local
server:
  cors_origins: [\"http://studio.test:9000\"]
";

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = timeout(PATIENCE, lines.next_line()).await;
    line.expect("nothing is said").unwrap().expect("it ended")
}

#[tokio::test]
async fn what_ready_prints_works_beside_another_stack() {
    let other = Stack::start("extends: local\n").await;
    let directory = other.directory.path();
    write(&directory.join("environments/page.yaml"), WITH_A_PAGE);
    let server = server_binary();
    let mut up = command(directory)
        .args(["up", "--env", "page", "--port", "0", "--server-bin"])
        .arg(&server)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stderr = up.stderr.take().unwrap();
    let told = tokio::spawn(async move {
        let mut told = String::new();
        stderr.read_to_string(&mut told).await.unwrap();
        told
    });
    let mut lines = BufReader::new(up.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    while printed.last().is_none_or(|last| last != "Ctrl-C stops it.") {
        printed.push(next(&mut lines).await);
    }
    let typed = |verb: &str| {
        let wanted = |line: &&String| line.contains(&format!("deployer {verb}"));
        let line = printed.iter().find(wanted).expect(verb);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("exec {}", line.trim())])
            .current_dir(directory)
            .envs([("TMPDIR", directory), ("HOME", directory)])
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        shell
    };
    let mut listen = typed("listen").spawn().unwrap();
    let mut heard = BufReader::new(listen.stdout.take().unwrap()).lines();
    for verb in ["send", "local --url"] {
        let ended = timeout(PATIENCE, typed(verb).output()).await.unwrap();
        assert!(ended.unwrap().status.success(), "{verb}");
    }
    let line = next(&mut heard).await;
    assert!(line.contains("ABC-123"), "{line}");
    let id = up.id().unwrap();
    crate::running::signal(id, "INT");
    assert!(
        timeout(PATIENCE, up.wait())
            .await
            .unwrap()
            .unwrap()
            .success()
    );
    let told = told.await.unwrap();
    let anyway = "would stop a deployment to AWS; the local stack runs anyway";
    assert!(told.contains(anyway), "{told}");
}
