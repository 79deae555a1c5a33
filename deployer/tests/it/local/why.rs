//! Why a streamer did not get a message, asked on the command line; and watching without a trace.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use super::stack::{Stack, until};
use crate::running::{command, signal};
use crate::trials::participants::PATIENCE;

/// Runs a command that ends well. Returns what it wrote on stdout, and on stderr.
async fn run(stack: &Stack, args: &[&str]) -> (String, String) {
    let ran = command(stack.directory.path()).args(args).output();
    let ran = timeout(PATIENCE, ran).await.unwrap().unwrap();
    assert!(ran.status.success(), "{args:?}: {ran:?}");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(ran.stdout), text(ran.stderr))
}

async fn document(stack: &Stack, args: &[&str]) -> Value {
    let (out, _) = run(stack, &[args, &["--output", "json"]].concat()).await;
    serde_json::from_str(&out).unwrap()
}

#[tokio::test]
async fn why_tells_of_keys_connections_and_messages() {
    let stack = Stack::start("extends: local\n").await;
    let (_, notice) = run(&stack, &["send", "--channel", "nobody", "--id", "m", "1"]).await;
    assert!(notice.contains("This channel has no key"), "{notice}");
    let (told, _) = run(&stack, &["why", "nobody"]).await;
    assert!(
        told.starts_with("dropcodes/nobody: no key, nobody connected\n"),
        "{told}"
    );
    assert!(told.contains("  no_key: This channel has no key"), "{told}");

    // The demo channel has a key. A plugin takes its message; then it is gone.
    run(&stack, &["send", "--id", "first", "1"]).await;
    run(&stack, &["listen", "--count", "1"]).await;
    until("the plugin has left", async || {
        let told = document(&stack, &["why", "demo", "first"]).await;
        told["keys"][0]["usage"]["last"]["left_at"].is_string()
    })
    .await;
    run(&stack, &["send", "--id", "second", "2"]).await;
    let told = document(&stack, &["why", "demo"]).await;
    let codes = told["messages"].as_array().unwrap().iter();
    let codes: Vec<_> = codes
        .map(|message| message["why"]["code"].clone())
        .collect();
    assert_eq!(codes, ["not_connected", "delivered"], "{told}");
    let (told, _) = run(&stack, &["why", "demo", "first"]).await;
    for wanted in [
        "key ",
        "not connected since",
        "delivered:",
        "  stored",
        "emitted, key",
        "acknowledged, received",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
}

#[tokio::test]
async fn who_listens_to_a_channel_leaves_nothing_behind() {
    let stack = Stack::start("extends: local\n").await;
    let mut listening = command(stack.directory.path())
        .args(["listen", "--channel", "c", "--output", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(listening.stderr.take().unwrap()).lines();
    let mut lines = BufReader::new(listening.stdout.take().unwrap()).lines();
    let connected = timeout(PATIENCE, said.next_line()).await.unwrap().unwrap();
    assert!(connected.unwrap().starts_with("connected to"));
    let (_, notice) = run(&stack, &["send", "--channel", "c", "--id", "m", "7"]).await;
    assert!(
        notice.contains("This channel has no key"),
        "it only watches: {notice}"
    );
    let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
    let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
    assert_eq!(
        (&message["data"], &message["acknowledged"]),
        (&7.into(), &false.into())
    );
    let told = document(&stack, &["why", "c", "m"]).await;
    assert_eq!(told["keys"][0]["watch"], true, "{told}");
    assert_eq!(told["messages"][0]["state"], "pending", "{told}");
    signal(listening.id().unwrap(), "INT");
    let ended = timeout(PATIENCE, listening.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(130));
    let told = document(&stack, &["why", "c", "m"]).await;
    assert_eq!(told["keys"], serde_json::json!([]), "{told}");
}
