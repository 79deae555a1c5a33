//! Clocks that leap, by libfaketime: the machine's under the embedded store, and Redis's. Nothing
//! is lost, late or early.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::Instant;

use crate::harness::{Client, Options, PATIENCE, Server, eventually};
use crate::redis::Redis;

/// A wall clock that a test sets for the processes that run within it.
struct WallClock {
    directory: TempDir,
}

impl WallClock {
    fn right() -> Self {
        let clock = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        clock.leap(0);
        clock
    }

    /// Sets it to so many seconds ahead of the true time.
    fn leap(&self, seconds: i64) {
        // Readers see the old file or the new one.
        let (new, file) = (self.directory.path().join("new"), self.file());
        std::fs::write(&new, format!("{seconds:+}s\n")).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("time")
    }

    /// What puts a server under this clock; its monotonic clock stays true.
    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", libfaketime()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }

    /// A Redis under this clock.
    async fn redis(&self) -> Redis {
        let library = self.directory.path().join("leap.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/leap.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
        assert!(compiler.arg(source).status().await.unwrap().success());
        let (library, file) = (
            library.display().to_string(),
            self.file().display().to_string(),
        );
        let environment = [
            ("LD_PRELOAD", &*library),
            ("FAKETIME_TIMESTAMP_FILE", &*file),
        ];
        Redis::within(&environment, &["--save", "", "--appendonly", "no"]).await
    }
}

fn libfaketime() -> String {
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
    let files = places.map(|place| format!("/usr/lib/{place}/faketime/libfaketimeMT.so.1"));
    let found = files.into_iter().find(|file| Path::new(file).exists());
    found.expect("tools/install installs faketime")
}

fn borrowed<'a>(pairs: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    pairs
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

async fn leapt(server: &Server, clock: &str, times: f64) {
    let metric = format!(r#"holdfast_clock_leaps_total{{clock="{clock}"}}"#);
    eventually(&metric, async || {
        (server.metric(&metric).await >= times).then_some(())
    })
    .await;
}

/// Waits until messages expire: the clocks are steady.
async fn steady(server: &Server) {
    let start = Instant::now();
    while server.metric("holdfast_expiry_held").await != 0.0 {
        assert!(start.elapsed() < PATIENCE * 2, "the clocks stay unsteady");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn publish(server: &Server, id: &str, deliver_in: u64, ttl: u64) {
    let body = json!({ "event": "e", "data": 0, "id": id, "deliver_in": deliver_in, "ttl": ttl });
    server.publish("c", body).await;
}

/// An hour ahead, then right again: messages with half an hour to live are delivered at their
/// moment, whoever waits.
async fn through_leaps(server: &Server, clock: &WallClock, which: &str) {
    const HALF_AN_HOUR: u64 = 1_800_000;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(server, &Options::new(&key).transports(&["websocket"]));
    client.wait_for("connected").await;
    publish(server, "waits", 25_000, HALF_AN_HOUR).await;
    let published = Instant::now();
    clock.leap(3600);
    leapt(server, which, 1.0).await;
    // Published in the leap, and due in it: an hour's leap is no reason to be early or late.
    publish(server, "meanwhile", 300, HALF_AN_HOUR).await;
    assert_eq!(client.messages(1).await, ["meanwhile"], "{which}");
    // One who comes in the leap is shown what is live.
    let (_, other) = server.key("c").await;
    let mut late = Client::start(server, &Options::new(&other));
    assert_eq!(late.messages(1).await, ["meanwhile"], "{which}");
    assert_eq!(server.state("c", "waits").await, "scheduled", "{which}");
    clock.leap(0);
    for client in [&mut client, &mut late] {
        assert_eq!(client.messages(1).await, ["waits"], "{which}");
    }
    let waited = published.elapsed();
    // Not an hour late; a tenth early at the most, while time makes up for what it is wrong by.
    assert!(waited > Duration::from_secs(22), "{which}: {waited:?}");
    for id in ["waits", "meanwhile"] {
        server.becomes("c", id, "acknowledged").await;
    }
    let expired = r#"holdfast_messages_total{state="expired"}"#;
    assert_eq!(server.metric(expired).await, 0.0, "{which}");
    let is_told = |line: &Value| {
        line["message"]
            .as_str()
            .unwrap_or_default()
            .starts_with("a clock has leapt")
    };
    eventually("the leap is told", async || {
        server.log().iter().any(is_told).then_some(())
    })
    .await;
    // What does expire is retired once the clocks are steady again.
    let body = json!({ "event": "e", "data": 0, "id": "short", "ttl": 1 });
    server.publish("nobody", body).await;
    steady(server).await;
    eventually(expired, async || {
        (server.metric(expired).await == 1.0).then_some(())
    })
    .await;
}

/// The machine's clock under a server with this store.
async fn machine(store: &str) {
    let clock = WallClock::right();
    let environment = clock.environment();
    let mut settings = borrowed(&environment);
    settings.push(("STORE", store));
    let server = Server::start(&settings).await;
    steady(&server).await;
    through_leaps(&server, &clock, "wall").await;
}

#[tokio::test]
async fn the_machine_s_clock_may_leap_under_the_store_in_memory() {
    machine("memory").await;
}

#[tokio::test]
async fn the_machine_s_clock_may_leap_under_the_store_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    machine(&format!("file:{}", directory.path().display())).await;
}

#[tokio::test]
async fn redis_s_clock_may_leap() {
    let clock = WallClock::right();
    let redis = clock.redis().await;
    let server = Server::start(&[("STORE", &redis.url())]).await;
    steady(&server).await;
    through_leaps(&server, &clock, "store").await;
}

/// A node that starts while the clock is an hour ahead believes it first, and begins anew.
#[tokio::test]
async fn a_node_may_start_in_a_leap() {
    let clock = WallClock::right();
    let redis = clock.redis().await;
    let url = redis.url();
    let before = Server::start(&[("STORE", &url), ("NODE_ID", "before")]).await;
    let (_, key) = before.key("c").await;
    publish(&before, "waits", 0, 1_800_000).await;
    clock.leap(3600);
    let server = Server::start(&[("STORE", &url), ("NODE_ID", "meanwhile")]).await;
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    clock.leap(0);
    assert_eq!(client.messages(1).await, ["waits"]);
    before.becomes("c", "waits", "acknowledged").await;
}
