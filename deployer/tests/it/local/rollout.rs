//! Replacing nodes while the others serve.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::stack::{Stack, THREE, names, ran, until};
use crate::running::{command, script, signal};
use crate::trials::participants::server_binary;
use testkit::backend::get;

/// A plugin that stays connected, on one node or the other.
fn plugin(stack: &Stack) -> tokio::process::Child {
    command(stack.directory.path())
        .args(["listen", "--output", "json"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// How many sockets the demo channel has, on whatever node.
async fn sockets(stack: &Stack) -> u64 {
    let url = stack.ready["url"].as_str().unwrap();
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    let key = format!("ApiKey {}", stack.ready["backend_key"].as_str().unwrap());
    let path = "/v1/namespaces/dropcodes/channels/demo";
    let reply = get(address, path, &[("authorization", &key)]).await;
    let channel: Value = serde_json::from_str(&reply.body).unwrap();
    channel["sockets"].as_u64().unwrap()
}

/// Where a step stands among the steps of a node.
fn at(steps: &[(String, String)], kind: &str, node: &str) -> usize {
    let place = steps.iter().position(|(k, n)| k == kind && n == node);
    place.unwrap_or_else(|| panic!("no {kind} of {node} in {steps:?}"))
}

/// Checks, step by step, that there were never more nodes than allowed, nor fewer healthy ones.
fn within_limits(steps: &[Value], most: usize, least: usize) {
    let (mut there, mut healthy) = (3, 3);
    for step in steps {
        match step["type"].as_str().unwrap() {
            "node_started" => there += 1,
            "node_ended" => there -= 1,
            "node_leaving" => healthy -= 1,
            "health" if step["health"] == "healthy" => healthy += 1,
            _ => {}
        }
        assert!(
            there <= most && healthy >= least,
            "{there} {healthy}: {steps:?}"
        );
    }
}

#[tokio::test]
async fn a_deployment_replaces_every_node_and_cuts_before_it_terminates() {
    let stack = Stack::start(THREE).await;
    let _plugin = plugin(&stack);
    until("the plugin is connected", async || {
        sockets(&stack).await == 1
    })
    .await;
    let began = Instant::now();
    let ran = stack.local(&["deploy"]).await;
    assert_eq!(ran.code, 0, "{}", ran.document);
    assert!(began.elapsed() >= Duration::from_secs(1));
    let steps = ran.steps();
    for node in ["node-1", "node-2", "node-3"] {
        let order = ["node_leaving", "node_cut", "node_terminated", "node_ended"];
        let places = order.map(|kind| at(&steps, kind, node));
        assert!(places.is_sorted(), "{node}: {steps:?}");
    }
    let document = &ran.document;
    let documents = document["steps"].as_array().unwrap();
    within_limits(documents, 6, 3);
    let expected = ["node-4", "node-5", "node-6"];
    assert_eq!(names(document["nodes"].as_array().unwrap()), expected);
    assert_eq!(document["steady"], true);
    until("the plugin is back", async || sockets(&stack).await == 1).await;
}

/// A server that hears of its end moves its clients by itself; from one that hears nothing they are
/// cut.
#[tokio::test]
async fn the_end_of_the_delay_cuts_what_is_still_open() {
    let stack = Stack::start(THREE).await;
    let _plugin = plugin(&stack);
    until("the plugin is connected", async || {
        sockets(&stack).await == 1
    })
    .await;
    for node in ["node-1", "node-2", "node-3"] {
        assert_eq!(stack.local(&["stop", node]).await.code, 0);
    }
    let ran = stack.local(&["deploy"]).await;
    assert_eq!(ran.code, 0, "{}", ran.document);
    let steps = ran.document["steps"].as_array().unwrap();
    let cut = steps.iter().filter_map(|step| step["connections"].as_u64());
    assert!(cut.sum::<u64>() >= 1, "{}", ran.document);
    assert!(at(&ran.steps(), "node_cut", "node-1") < at(&ran.steps(), "node_killed", "node-1"));
    until("the plugin is back", async || sockets(&stack).await == 1).await;
}

#[tokio::test]
async fn sigterm_may_come_before_the_cut() {
    let stack = Stack::start(THREE).await;
    let ran = stack
        .local(&[
            "replace",
            "node-2",
            "--order",
            "sigterm-first",
            "--deregistration-delay",
            "20s",
        ])
        .await;
    assert_eq!(ran.code, 0, "{}", ran.document);
    let steps = ran.steps();
    let order = ["node_leaving", "node_terminated", "node_ended"];
    assert!(order.map(|kind| at(&steps, kind, "node-2")).is_sorted());
    assert!(
        !steps.iter().any(|(kind, _)| kind == "node_cut"),
        "{steps:?}"
    );
    assert!(at(&steps, "node_started", "node-4") < at(&steps, "node_leaving", "node-2"));
    assert_eq!(
        names(ran.document["nodes"].as_array().unwrap()),
        ["node-1", "node-3", "node-4"]
    );
}

/// Where an old and a new node must never run together, the old one goes first.
#[tokio::test]
async fn without_room_the_old_node_ends_before_the_new_one_starts() {
    let environment = "extends: local\nload_balancer: { deregistration_delay: 1s }\n";
    let stack = Stack::start(environment).await;
    let ran = stack.local(&["deploy"]).await;
    assert_eq!(ran.code, 0, "{}", ran.document);
    let steps = ran.steps();
    assert!(at(&steps, "node_ended", "node-1") < at(&steps, "node_started", "node-2"));
    // Percentages with which ECS could do nothing.
    let stuck = "extends: local\nservice: { deployment: { maximum_percent: 150, \
                 minimum_healthy_percent: 100 } }\n";
    let ran = Stack::start(stuck).await.local(&["deploy"]).await;
    assert_eq!(ran.code, 2);
    assert!(
        ran.message().contains("deployment-cannot-progress"),
        "{}",
        ran.message()
    );
}

#[tokio::test]
async fn one_deployment_at_a_time_and_nobody_has_to_wait_for_it() {
    let mut stack = Stack::start(THREE).await;
    let first = stack.begin(&["deploy", "--deregistration-delay", "3s"]);
    stack.up.wait_for("deployment_started").await;
    let second = stack.local(&["replace", "node-1"]).await;
    assert_eq!(second.code, 2);
    assert!(
        second.message().contains("a deployment is under way"),
        "{}",
        second.message()
    );
    assert_eq!(
        stack
            .local(&["--timeout", "100ms", "status", "--wait"])
            .await
            .code,
        5
    );
    // Its terminal gives up; the stack does not.
    signal(first.id().unwrap(), "INT");
    let first = ran(first).await;
    assert_eq!(first.code, 130);
    assert!(
        first.message().contains("the deployment continues"),
        "{}",
        first.message()
    );
    let shown = stack.local(&["status"]).await;
    assert_eq!(
        shown.document["deployment"]["nodes"],
        serde_json::json!(["node-1", "node-2", "node-3"])
    );
    assert_eq!(
        names(&stack.settled().await),
        ["node-4", "node-5", "node-6"]
    );
    assert_eq!(
        stack.up.wait_for("deployment_ended").await["result"],
        "deployed"
    );
}

#[tokio::test]
async fn a_new_version_that_fails_is_rolled_back() {
    let stack = Stack::start(THREE).await;
    let broken = script(
        stack.directory.path(),
        "echo 'error: no such thing' >&2; exit 7",
    );
    let before = stack.nodes().await;
    let ran = stack
        .local(&["deploy", "--server-bin", broken.to_str().unwrap()])
        .await;
    assert_eq!(ran.code, 3, "{}", ran.document);
    let message = ran.message();
    assert!(message.starts_with("rolled back: node-"), "{message}");
    assert!(
        message.contains("exit code 7") && message.contains("no such thing"),
        "{message}"
    );
    assert_eq!(stack.settled().await, before);
}

#[tokio::test]
async fn two_versions_can_run_at_once() {
    let stack = Stack::start(THREE).await;
    let other = stack.directory.path().join("another-server");
    std::fs::copy(server_binary(), &other).unwrap();
    let other = other.to_str().unwrap();
    stack
        .local(&["replace", "node-3", "--server-bin", other])
        .await;
    let servers = async || {
        let nodes = stack.settled().await;
        let server = |node: &Value| node["server"] == other;
        nodes.iter().map(server).collect::<Vec<_>>()
    };
    assert_eq!(servers().await, [false, false, true]);
    // The service itself has not changed: what dies comes back as it was.
    stack.local(&["kill", "node-4"]).await;
    assert_eq!(servers().await, [false, false, false]);
    stack.local(&["deploy", "--server-bin", other]).await;
    stack.local(&["kill", "node-6"]).await;
    assert_eq!(servers().await, [true, true, true]);
}

/// What a task reads from its metadata endpoint while it is told to leave.
#[tokio::test]
async fn a_node_that_is_to_leave_can_read_so_before_it_is_cut() {
    let mut stack = Stack::start(THREE).await;
    let pid = stack.nodes().await[0]["pid"].as_u64().unwrap();
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let mut variables = environment
        .split('\0')
        .filter_map(|line| line.split_once('='));
    let (_, uri) = variables
        .find(|(name, _)| *name == "ECS_CONTAINER_METADATA_URI_V4")
        .unwrap();
    let (address, path) = uri
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let address = address.parse().unwrap();
    let task = async || {
        let reply = get(address, &format!("/{path}/task"), &[]).await;
        let document: Value = serde_json::from_str(&reply.body).unwrap();
        (
            reply.status,
            document["DesiredStatus"].clone(),
            document["KnownStatus"].clone(),
        )
    };
    let running = Value::from("RUNNING");
    assert_eq!(task().await, (200, running.clone(), running.clone()));
    let replacing = stack.begin(&["replace", "node-1", "--deregistration-delay", "5s"]);
    stack.up.wait_for("node_leaving").await;
    assert_eq!(task().await, (200, "STOPPED".into(), running));
    assert_eq!(ran(replacing).await.code, 0);
    assert_eq!(task().await.0, 404);
}
