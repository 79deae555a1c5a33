//! A disk that is full: the node says so, takes no messages, and goes on by itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, Options, Server, eventually};

const MESSAGES: &str = "/v1/namespaces/dropcodes/channels/c/messages";
const HEALTH: &str = "/healthcheck";

/// A small disk in memory; unmounted when dropped. It needs root, or `sudo` without a password.
struct Disk(tempfile::TempDir);

fn as_root(arguments: &[&str]) -> bool {
    let sudo = ["sudo", "-n"];
    [&[][..], &sudo[..]].iter().any(|before| {
        let all = [before, arguments].concat();
        let run = Command::new(all[0]).args(&all[1..]).output();
        run.is_ok_and(|output| output.status.success())
    })
}

impl Disk {
    fn mount(size: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        let options = format!("size={size},mode=777");
        let mounted = as_root(&["mount", "-t", "tmpfs", "-o", &options, "none", path]);
        assert!(mounted, "a tmpfs can be mounted by root, or with sudo");
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        as_root(&["umount", "--lazy", self.path().to_str().unwrap()]);
    }
}

async fn publish(server: &Server, id: &str) -> (u16, Value) {
    let body = json!({ "event": "e", "data": "x".repeat(8_000), "id": id });
    server.call(Method::POST, MESSAGES, Some(body)).await
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_lost_when_there_is_space_again() {
    let disk = Disk::mount("2m");
    let store = format!("file:{}", disk.path().join("store").display());
    let mut server = Server::start(&[("STORE", &store)]).await;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    assert_eq!(publish(&server, "before").await.0, 202);
    assert_eq!(
        server.call(Method::GET, HEALTH, None).await.1["status"],
        "ok"
    );

    let filler = disk.path().join("filler");
    // As much as there is: the write ends short.
    let _ = fs::write(&filler, vec![0; 4 << 20]);
    let problem = eventually("a message is refused", async || {
        let id = format!("m{}", fastrand::u32(..));
        let (status, answer) = publish(&server, &id).await;
        (status != 202).then_some((status, answer))
    })
    .await;
    assert_eq!(problem.0, 503, "{}", problem.1);
    let health = eventually("it is told", async || {
        let (status, health) = server.call(Method::GET, HEALTH, None).await;
        assert_eq!(status, 200, "the balancer keeps it: {health}");
        (health["status"] == "degraded").then_some(health)
    })
    .await;
    let reason = health["reason"].as_str().unwrap();
    assert!(reason.contains("No space left"), "{health}");
    let (status, refused) = publish(&server, "refused").await;
    assert_eq!(status, 503);
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("disk takes no writes"), "{refused}");
    let told = |line: &Value| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("the journal cannot be written")
    };
    let count = || server.log().iter().filter(|line| told(line)).count();
    eventually("the log tells it", async || (count() > 0).then_some(())).await;
    assert_eq!(count(), 1, "once, not each time");

    fs::remove_file(&filler).unwrap();
    eventually("it is well again", async || {
        let health = server.call(Method::GET, HEALTH, None).await.1;
        (health["status"] == "ok").then_some(())
    })
    .await;
    assert_eq!(publish(&server, "after").await.0, 202);
    let mut got = client.messages(1).await;
    while got.last().unwrap() != "after" {
        got.extend(client.messages(1).await);
    }
    assert!(!got.contains(&"refused".to_owned()), "{got:?}");

    // What was accepted is on the disk.
    server.signal("KILL");
    server.ended().await;
    let again = eventually("it starts again", async || {
        Some(Server::start(&[("STORE", &store)]).await)
    })
    .await;
    for id in ["before", "after"] {
        assert_eq!(again.message("c", id).await["id"], id);
    }
}
