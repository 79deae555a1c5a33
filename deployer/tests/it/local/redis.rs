//! The Redis that a stack starts, and nodes that share it.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use super::stack::{Stack, THREE, names, until};
use crate::running::{command, gone, runs};
use crate::trials::participants::PATIENCE;

/// A plugin that says what arrives.
struct Plugin {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Plugin {
    fn connect(stack: &Stack) -> Self {
        let mut child = command(stack.directory.path())
            .args(["listen", "--output", "json"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            _child: child,
            lines,
        }
    }

    /// Waits for a message with this text as its data; others that come before are passed over.
    async fn gets(&mut self, data: &str) {
        let wait = async {
            loop {
                let line = self.lines.next_line().await.unwrap().unwrap();
                let message: Value = serde_json::from_str(&line).unwrap();
                if message["data"] == data {
                    return;
                }
            }
        };
        timeout(PATIENCE, wait).await.expect("it does not arrive");
    }
}

async fn send(stack: &Stack, data: &str) {
    let sent = command(stack.directory.path())
        .args(["send", data])
        .output()
        .await
        .unwrap();
    assert!(sent.status.success(), "{sent:?}");
}

/// Round robin takes each message to another node than the last: the plugin is on one of them.
#[tokio::test]
async fn nodes_share_their_messages_before_and_after_a_deployment() {
    let stack = Stack::start(THREE).await;
    let mut plugin = Plugin::connect(&stack);
    for data in ["one", "two", "three"] {
        send(&stack, data).await;
        plugin.gets(data).await;
    }
    let ran = stack.local(&["deploy"]).await;
    assert_eq!(ran.code, 0, "{}", ran.document);
    for data in ["four", "five", "six"] {
        send(&stack, data).await;
        plugin.gets(data).await;
    }
}

#[tokio::test]
async fn a_redis_that_was_killed_has_its_data_when_it_is_back() {
    let stack = Stack::start(THREE).await;
    let before = stack.local(&["status"]).await.document["redis"].clone();
    assert_eq!(before["state"], "running");
    // Nobody listens: it waits in the store.
    send(&stack, "kept").await;
    let killed = stack.local(&["redis", "kill"]).await;
    assert_eq!(killed.code, 0, "{}", killed.document);
    assert_eq!(killed.document["redis"]["state"], "ended");
    assert_eq!(killed.document["steady"], false);
    assert!(!runs(before["pid"].as_u64().unwrap()));
    let again = stack.local(&["redis", "kill"]).await;
    assert_eq!(again.code, 2);
    assert!(
        again.message().contains("redis restart"),
        "{}",
        again.message()
    );
    let back = stack.local(&["redis", "restart"]).await;
    assert_eq!(back.code, 0, "{}", back.document);
    assert_eq!(back.document["redis"]["url"], before["url"]);
    // No node was lost over it.
    assert_eq!(
        names(&stack.settled().await),
        ["node-1", "node-2", "node-3"]
    );
    Plugin::connect(&stack).gets("kept").await;
}

#[tokio::test]
async fn a_redis_can_be_stopped_and_restarted_and_goes_with_the_stack() {
    let stack = Stack::start(THREE).await;
    let pid = |status: &Value| status["redis"]["pid"].as_u64().unwrap();
    assert_eq!(
        stack.local(&["redis", "stop"]).await.document["redis"]["state"],
        "stopped"
    );
    assert_eq!(
        stack.local(&["redis", "continue"]).await.document["redis"]["state"],
        "running"
    );
    let first = pid(&stack.local(&["status"]).await.document);
    // Also one that stands still ends and starts again.
    stack.local(&["redis", "stop"]).await;
    let ran = stack.local(&["redis", "restart", "--empty"]).await;
    assert_eq!(ran.code, 0, "{}", ran.document);
    let second = pid(&ran.document);
    assert!(!runs(first) && runs(second));
    stack.up.signal("INT");
    assert_eq!(stack.up.ended().await.0, 0);
    gone(second).await;
    let left = std::fs::read_dir(stack.directory.path()).unwrap();
    for home in left.map(|entry| entry.unwrap().path()) {
        if home
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("holdfast-")
        {
            assert_eq!(std::fs::read_dir(home).unwrap().count(), 0);
        }
    }
}

/// A password reaches the server apart from the URL, and is shown nowhere.
#[tokio::test]
async fn a_redis_of_the_users_own_can_have_a_password() {
    let directory = crate::running::directory();
    let mut redis = testkit::redis::Redis::new(directory.path());
    let address = redis.address;
    let options = ["--save", "", "--requirepass", "a/secret"];
    redis
        .start(&options)
        .await
        .expect("`make tools` installs it");
    let url = format!("redis://:a%2Fsecret@{address}");
    let stack = Stack::start_with(THREE, &["--redis", &url]).await;
    let status = stack.local(&["status"]).await.document;
    assert_eq!(status["redis"]["url"], format!("redis://{address}"));
    assert_eq!(status["redis"]["state"], "elsewhere");
    let refused = stack.local(&["redis", "kill"]).await;
    assert_eq!(refused.code, 2);
    let mut plugin = Plugin::connect(&stack);
    send(&stack, "with a password").await;
    plugin.gets("with a password").await;
}

#[tokio::test]
async fn a_redis_that_cannot_be_used_is_refused() {
    let directory = crate::running::directory();
    for (environment, url, expected) in [
        ("local", "redis://127.0.0.1", "this one's store is memory"),
        (
            "local-cluster",
            "http://127.0.0.1",
            "--redis takes a URL such as",
        ),
    ] {
        let server = crate::trials::participants::server_binary();
        let run = command(directory.path())
            .args(["up", "--port", "0", "--env", environment, "--redis", url])
            .args(["--server-bin", server.to_str().unwrap()])
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(
            (run.status.code(), said.contains(expected)),
            (Some(2), true),
            "{said}"
        );
    }
}

/// The shards with their states.
fn shards(status: &Value) -> Vec<(&str, &str)> {
    let shards = status["redis"]["shards"].as_array().expect("shards");
    let pairs = shards
        .iter()
        .filter_map(|shard| Some((shard["id"].as_str()?, shard["state"].as_str()?)));
    pairs.collect()
}

/// Round robin takes each message to another node, and the channels are on all shards.
#[tokio::test]
async fn three_nodes_share_three_shards_and_lose_none_of_them() {
    let stack = Stack::start(&format!("{THREE}store: {{ redis: {{ shards: 3 }} }}\n")).await;
    let status = stack.local(&["status"]).await.document;
    let url = status["redis"]["url"].as_str().expect("a URL");
    assert!(url.starts_with("redis+cluster://127.0.0.1:"), "{url}");
    let running = ["redis-1", "redis-2", "redis-3"].map(|id| (id, "running"));
    assert_eq!(shards(&status), running);
    let mut plugin = Plugin::connect(&stack);
    for data in ["one", "two", "three"] {
        send(&stack, data).await;
        plugin.gets(data).await;
    }

    let unknown = stack.local(&["redis", "kill", "redis-4"]).await;
    assert_eq!(unknown.code, 2);
    let told = "there are redis-1, redis-2, redis-3";
    assert!(unknown.message().contains(told), "{}", unknown.message());
    let pid = |status: &Value| status["redis"]["shards"][1]["pid"].as_u64();
    let killed = stack.local(&["redis", "kill", "redis-2"]).await;
    assert_eq!(killed.code, 0, "{}", killed.document);
    let mut expected = running;
    expected[1].1 = "ended";
    assert_eq!(shards(&killed.document), expected);
    assert_eq!(killed.document["redis"]["state"], "degraded");
    assert_eq!(killed.document["steady"], false);
    assert!(!runs(pid(&status).expect("it ran")));
    let back = stack.local(&["redis", "restart", "redis-2"]).await;
    assert_eq!(back.code, 0, "{}", back.document);
    assert_eq!(shards(&back.document), running);
    stack.settled().await;

    // Without their data they still know their cluster.
    assert_eq!(stack.local(&["redis", "kill"]).await.code, 0);
    let empty = stack.local(&["redis", "restart", "--empty"]).await;
    assert_eq!(empty.code, 0, "{}", empty.document);
    assert_eq!(shards(&empty.document), running);
    let last = pid(&empty.document).expect("it runs");
    until("publishing works again", async || {
        let sent = command(stack.directory.path())
            .args(["send", "back"])
            .output();
        sent.await.expect("it runs").status.success()
    })
    .await;
    plugin.gets("back").await;
    stack.up.signal("INT");
    assert_eq!(stack.up.ended().await.0, 0);
    gone(last).await;
}
