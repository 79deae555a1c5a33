//! What a stack keeps when its only task dies, and when it ends; and the pages that it has.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};
use socketio_client::{Address, Reply, Session, Settings, request};
use tokio::time::timeout;

use super::stack::Stack;
use crate::deployer;
use crate::running::{Up, command, directory};
use crate::trials::participants::PATIENCE;

/// One task with its store in memory, and times that are short enough to wait for.
const ONE: &str = "\
extends: local
load_balancer:
  deregistration_delay: 1s
  health_check: { path: /healthcheck, interval: 5s, timeout: 2s, healthy: 2, unhealthy: 3 }
server:
  drain: 1s
service:
  stop_timeout: 4s
";

async fn get(ready: &Value, path: &str, host: Option<&str>) -> Reply {
    let address: Address = ready["url"].as_str().unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    if let Some(host) = host {
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
    }
    let within = Duration::from_secs(30);
    request(
        &address,
        (Method::GET, path),
        &headers,
        Bytes::new(),
        within,
    )
    .await
    .unwrap()
}

/// A plugin with the demo channel's key.
async fn plugin(ready: &Value) -> Session {
    let settings = Settings {
        address: ready["url"].as_str().unwrap().parse().unwrap(),
        path: "/websockets".to_owned(),
        namespace: "/dropcodes".to_owned(),
        key: Some(ready["plugin_key"].as_str().unwrap().to_owned()),
    };
    Session::connect(&settings).await.unwrap()
}

async fn publish(ready: &Value, id: &str) {
    let api = deployer::local::api::Api {
        address: ready["url"].as_str().unwrap().parse().unwrap(),
        backend_key: ready["backend_key"].as_str().unwrap().to_owned(),
    };
    let message = json!({ "id": id, "event": "code", "data": id });
    api.publish("dropcodes", "demo", &message).await.unwrap();
}

#[tokio::test]
async fn the_next_task_has_the_keys_and_messages_of_the_one_that_was_killed() {
    let stack = Stack::start(ONE).await;
    publish(&stack.ready, "before").await;
    let killed = stack.local(&["kill", "node-1"]).await;
    assert_eq!(killed.code, 0, "{}", killed.document);
    stack.settled().await;
    let mut plugin = plugin(&stack.ready).await;
    let event = plugin.event().await.unwrap();
    assert_eq!(event.arguments[0], "before");
    // The environment says memory: nothing of it is left behind in the project.
    assert!(!stack.directory.path().join("store").exists());
}

#[tokio::test]
async fn the_next_stack_of_an_environment_has_the_keys_of_the_one_before() {
    let directory = directory();
    crate::write(&directory.path().join("environments/test.yaml"), ONE);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut up = Up::start(directory.path(), &["--env", "test"]);
        let ready = up.document().await;
        assert_eq!(ready["type"], "ready", "{ready}");
        plugin(&ready).await.close().await;
        seen.push((ready["backend_key"].clone(), ready["plugin_key"].clone()));
        if seen.len() == 1 {
            // One beside it has keys of its own.
            let mut beside = Up::start(directory.path(), &["--env", "test"]);
            let other = beside.document().await;
            assert_ne!(other["backend_key"], ready["backend_key"], "{other}");
            beside.signal("INT");
            assert_eq!(beside.code().await, Some(0));
        }
        up.signal("INT");
        assert_eq!(up.code().await, Some(0));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_project_that_is_made_in_an_empty_folder_runs() {
    let directory = tempfile::tempdir().unwrap();
    let missing = deployer(directory.path(), &["up", "--env", "local"]);
    assert!(
        missing.stderr.contains("`deployer init local`"),
        "{missing}"
    );
    let made = deployer(directory.path(), &["init", "local"]);
    assert_eq!(made.code, 0, "{made}");
    assert!(made.stderr.contains("deployer up --env local"), "{made}");
    let mut up = Up::start(directory.path(), &[]);
    let ready = up.document().await;
    assert_eq!(ready["type"], "ready", "{ready}");
    publish(&ready, "first").await;
    let event = plugin(&ready).await.event().await.unwrap();
    assert_eq!(event.arguments[0], "first");
    // A plugin by hand that was told a wrong path does not try for ever.
    let mut listen = command(directory.path());
    listen.args([
        "listen",
        "--url",
        ready["url"].as_str().unwrap(),
        "--path",
        "/elsewhere",
    ]);
    let output = timeout(PATIENCE, listen.output())
        .await
        .expect("it ends")
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("/elsewhere") && said.contains("--path"),
        "{said}"
    );
}

#[tokio::test]
async fn the_balancer_has_a_page_of_what_runs_and_an_overlay() {
    let stack = Stack::start(ONE).await;
    let text = |name: &str| stack.ready[name].as_str().unwrap().to_owned();
    let home = get(&stack.ready, "/", None).await;
    assert_eq!(home.status, 200);
    assert!(home.text().contains(&text("plugin_key")), "{}", home.text());
    assert!(
        !home.text().contains(&text("backend_key")),
        "{}",
        home.text()
    );
    assert_eq!(
        get(&stack.ready, "/overlay", None).await.header("location"),
        "/overlay/"
    );
    for (path, kind) in [
        ("/overlay/", "text/html"),
        ("/overlay/holdfast-plugin.js", "text/javascript"),
    ] {
        let page = get(&stack.ready, path, None).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with(kind), "{path}");
    }
    // A page of somebody else's, by a name that leads here, may not read the key.
    let other = get(&stack.ready, "/", Some("rebound.example.com")).await;
    assert_eq!(other.status, 421);
    // Everything else is the service's.
    let health = get(&stack.ready, "/healthcheck", None).await;
    assert_eq!((health.status, health.header("x-node-id")), (200, "node-1"));
}
