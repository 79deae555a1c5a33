//! Looking at nodes, and killing and stopping them.

use serde_json::json;

use super::stack::{Stack, THREE, names, until};
use crate::running::{command, gone, runs};

/// The letter that the system gives a process's state: `T` is stopped.
fn letter(pid: u64) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

#[tokio::test]
async fn status_says_how_every_node_stands() {
    let stack = Stack::start(THREE).await;
    let ran = stack.local(&["status"]).await;
    let document = ran.document.as_object().unwrap();
    let keys: Vec<_> = document.keys().map(String::as_str).collect();
    let expected = [
        "schema",
        "type",
        "command",
        "steps",
        "url",
        "nodes",
        "steady",
        "deployment",
        "redis",
        "connections",
    ];
    assert_eq!(keys, expected);
    let connections = document["connections"]["nodes"].as_array().unwrap();
    assert_eq!(connections.len(), 3, "{document:?}");
    for node in connections {
        assert!(node["limit"].as_u64() > node["open"].as_u64(), "{node}");
    }
    assert_eq!(
        (
            &document["url"],
            &document["steady"],
            &document["deployment"]
        ),
        (&stack.ready["url"], &json!(true), &json!(null))
    );
    let nodes = stack.nodes().await;
    assert_eq!(names(&nodes), ["node-1", "node-2", "node-3"]);
    for node in &nodes {
        assert_eq!(
            (&node["state"], &node["health"]),
            (&"running".into(), &"healthy".into())
        );
        assert!(runs(node["pid"].as_u64().unwrap()));
        assert!(
            std::net::TcpStream::connect(node["address"].as_str().unwrap()).is_ok(),
            "{node}"
        );
    }
    assert_eq!(stack.ready["nodes"], json!(nodes));
}

#[tokio::test]
async fn a_node_that_is_killed_is_gone_and_another_takes_its_place() {
    let mut stack = Stack::start(THREE).await;
    let pid = stack.nodes().await[1]["pid"].as_u64().unwrap();
    let ran = stack.local(&["kill", "node-2"]).await;
    assert_eq!(
        (ran.code, &ran.document["command"]),
        (0, &"kill".into()),
        "{}",
        ran.document
    );
    let step = |kind: &str| (kind.to_owned(), "node-2".to_owned());
    assert_eq!(ran.steps(), [step("signalled"), step("node_ended")]);
    assert_eq!(ran.document["steps"][1]["status"], "signal 9");
    assert!(!runs(pid));
    assert_eq!(
        names(&stack.settled().await),
        ["node-1", "node-3", "node-4"]
    );
    // The terminal of `up` saw it too.
    assert_eq!(stack.up.wait_for("signalled").await["signal"], "SIGKILL");
    assert_eq!(stack.up.wait_for("node_started").await["node"], "node-4");
}

#[tokio::test]
async fn a_stopped_node_stands_still_until_it_may_go_on() {
    let stack = Stack::start(THREE).await;
    let pid = stack.nodes().await[0]["pid"].as_u64().unwrap();
    assert_eq!(stack.local(&["stop", "node-1"]).await.code, 0);
    until("it stands still", async || letter(pid) == Some('T')).await;
    assert_eq!(stack.nodes().await[0]["state"], "stopped");
    assert_eq!(stack.local(&["continue", "node-1"]).await.code, 0);
    until("it goes on", async || letter(pid) != Some('T')).await;
    assert_eq!(stack.nodes().await[0]["state"], "running");
    assert!(runs(pid));
}

/// <https://aws.amazon.com/blogs/containers/a-deep-dive-into-amazon-ecs-task-health-and-task-replacement/>:
/// a task that fails the load balancer's health checks is replaced, its replacement started first
/// where there is room.
#[tokio::test]
async fn a_node_that_stays_stopped_is_unhealthy_and_is_replaced() {
    let environment = THREE.replace("service:\n", "service:\n  health_check_grace_period: 1s\n");
    let mut stack = Stack::start(&environment).await;
    let pid = stack.nodes().await[0]["pid"].as_u64().unwrap();
    stack.local(&["stop", "node-1"]).await;
    assert_eq!(stack.up.wait_for("node_unfit").await["node"], "node-1");
    assert_eq!(stack.up.wait_for("node_started").await["node"], "node-4");
    // It cannot hear SIGTERM.
    assert_eq!(stack.up.wait_for("node_leaving").await["node"], "node-1");
    assert_eq!(stack.up.wait_for("node_killed").await["node"], "node-1");
    gone(pid).await;
    assert_eq!(
        names(&stack.settled().await),
        ["node-2", "node-3", "node-4"]
    );
}

#[tokio::test]
async fn what_cannot_be_done_says_what_can() {
    let stack = Stack::start(THREE).await;
    for (args, expected) in [
        (
            &["kill", "node-9"][..],
            "there is no node \"node-9\"; there are node-1, node-2, node-3",
        ),
        (
            &["replace", "x"],
            "there is no node \"x\"; there are node-1, node-2, node-3",
        ),
        (
            &["deploy", "--server-bin", "nowhere"],
            "no server binary at /",
        ),
        (
            &["--url", "http://127.0.0.1:1", "status"],
            "no local stack runs at http://127.0.0.1:1",
        ),
    ] {
        let ran = stack.local(args).await;
        assert_eq!(
            (ran.code, ran.message().contains(expected)),
            (2, true),
            "{}",
            ran.document
        );
    }
    assert_eq!(
        names(&stack.settled().await),
        ["node-1", "node-2", "node-3"]
    );
}

#[tokio::test]
async fn a_killed_deployer_leaves_nothing_that_is_in_the_way() {
    let stack = Stack::start(THREE).await;
    let files = || {
        let home = std::fs::read_dir(stack.directory.path()).unwrap();
        let homes = home.map(|entry| entry.unwrap().path());
        let home = homes.into_iter().find(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("holdfast-")
        });
        std::fs::read_dir(home.unwrap()).unwrap().count()
    };
    // What it is, its socket, its backend keys, and the data of its Redis.
    assert_eq!(files(), 4);
    let nodes = stack.nodes().await;
    stack.up.signal("KILL");
    for node in &nodes {
        gone(node["pid"].as_u64().unwrap()).await;
    }
    until("the deployer is gone", async || {
        !runs(stack.up.child.id().unwrap().into())
    })
    .await;
    // Its parent, this process, has not collected it: for the system it is there until then.
    let directory = stack.directory;
    let mut up = stack.up;
    up.child.wait().await.unwrap();
    let run = command(directory.path())
        .args(["local", "status"])
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(
        (
            run.status.code(),
            said.contains("no local stack is running")
        ),
        (Some(2), true),
        "{said}"
    );
}
