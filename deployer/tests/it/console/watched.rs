//! A channel that is watched: what the page is told, and what is left of it.

use http::Method;
use serde_json::Value;

use super::{Feed, Page};
use crate::running::{Up, command, directory, signal};
use crate::trials::participants::PATIENCE;

const WATCH: &str = "/api/watch?namespace=dropcodes&channel=demo";
const KEYS: &str = "/api/v1/keys?channel=demo&limit=100";

async fn console() -> (tempfile::TempDir, Up, Page) {
    let directory = directory();
    let mut up = Up::start(directory.path(), &[]);
    up.document().await;
    let mut command = command(directory.path());
    command.args(["console", "--no-open", "--env", "local"]);
    let page = Page::start(command).await;
    (directory, up, page)
}

/// How many of the channel's keys only watch.
async fn watchers(page: &Page) -> usize {
    let keys = page.get(KEYS).await;
    let keys = keys["items"].as_array().unwrap();
    keys.iter().filter(|key| key["watch"] == true).count()
}

async fn until_nobody_watches(page: &Page) {
    let began = tokio::time::Instant::now();
    while watchers(page).await > 0 {
        assert!(began.elapsed() < PATIENCE, "a watcher's key is left");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn messages_and_their_receipts_are_told_and_no_key_is() {
    let (_directory, _up, page) = console().await;
    let mut live = Feed::of(&page, WATCH).await;
    let joined = live.next().await;
    assert_eq!(joined["type"], "watching", "{joined}");
    assert_eq!(watchers(&page).await, 1);
    let path = "/api/v1/namespaces/dropcodes/channels/demo/messages";
    let body = r#"{"id":"m","event":"code","data":"a\n\ndata: b"}"#;
    assert_eq!(page.call(Method::POST, path, body).await.status, 202);
    let mut told = joined.to_string();
    let message = live.next().await;
    told += &message.to_string();
    assert_eq!(
        (&message["type"], &message["event"], &message["data"]),
        (&"message".into(), &"code".into(), &"a\n\ndata: b".into())
    );
    assert_eq!(message["message"]["id"], "m");
    assert!(message["late_ms"].is_f64(), "{message}");
    let receipt = live.next().await;
    told += &receipt.to_string();
    assert_eq!(
        (
            &receipt["type"],
            &receipt["id"],
            &receipt["keys"]["acknowledged"]
        ),
        (&"receipt".into(), &"m".into(), &0.into()),
        "a watcher settles nothing"
    );
    assert!(!told.contains("hfk_"), "{told}");
    drop(live);
    until_nobody_watches(&page).await;
}

#[tokio::test]
async fn the_end_of_the_console_is_the_end_of_the_watch() {
    let (directory, _up, mut page) = console().await;
    let mut live = Feed::of(&page, WATCH).await;
    assert_eq!(live.next().await["type"], "watching");
    signal(page.child.id().unwrap(), "INT");
    let ended = tokio::time::timeout(PATIENCE, page.child.wait()).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(0));
    let mut command = command(directory.path());
    command.args(["console", "--no-open", "--env", "local"]);
    let next = Page::start(command).await;
    assert_eq!(watchers(&next).await, 0);
}

#[tokio::test]
async fn what_is_no_channel_is_refused_and_makes_no_key() {
    let (_directory, _up, page) = console().await;
    for (query, status) in [
        ("", 400),
        ("?namespace=dropcodes", 400),
        ("?namespace=dropcodes&channel=demo&key=x", 400),
        ("?namespace=none&channel=demo", 422),
        ("?namespace=dropcodes&channel=a%2Fb", 422),
        ("?namespace=dropcodes&channel=%3Cimg%20src%3Dx%3E", 422),
        ("?namespace=dropcodes&channel=", 422),
    ] {
        let path = format!("/api/watch{query}");
        let reply = page.call(Method::GET, &path, "").await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
    let many: Vec<_> = {
        let mut open = Vec::new();
        for _ in 0..20 {
            open.push(Feed::of(&page, WATCH).await);
        }
        open
    };
    let reply = page.call(Method::GET, WATCH, "").await;
    assert_eq!(reply.status, 429, "{}", reply.text());
    drop(many);
    until_nobody_watches(&page).await;
    let keys: Value = page.get("/api/v1/keys").await;
    assert!(!keys.to_string().contains("img"), "{keys}");
}
