//! What the page is told: figures of real nodes, what was done to them, and the rules.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Feed, Page, WATCHED};
use crate::running::{Up, command, directory};
use crate::trials::participants::PATIENCE;
use crate::write;

/// Two nodes, of which a rule is passed over.
const TWO: &str = "\
extends: local-cluster
load_balancer: { deregistration_delay: 10s, idle_timeout: 310s }
service: { tasks: { min: 2, max: 2 } }
server: { drain: 1s }
ignore:
  - { rule: no-tls, reason: of this machine }
";

#[tokio::test]
async fn nodes_are_seen_through_the_balancer_and_a_killed_one_is_missed() {
    let directory = directory();
    write(&directory.path().join("environments/test.yaml"), TWO);
    let mut up = Up::start(directory.path(), &["--env", "test"]);
    let ready = up.document().await;
    let mut command = command(directory.path());
    let url = ready["url"].as_str().unwrap();
    command.args(["console", "--no-open", "--env", "test", "--url", url]);
    let page = Page::start(command).await;

    let about = page.get("/api/about").await;
    assert_eq!(
        (&about["local"], &about["rules"], &about["aws"]),
        (&true.into(), &true.into(), &Value::Null)
    );
    let names = |round: &Value, silent: bool| -> Vec<String> {
        let nodes = round["nodes"].as_array().unwrap().iter();
        let nodes = nodes.filter(|node| node["silent"] == silent);
        nodes
            .map(|node| node["node"].as_str().unwrap().to_owned())
            .collect()
    };
    let body = r#"{"id":"m","event":"e","data":1}"#;
    let path = "/api/v1/namespaces/dropcodes/channels/demo/messages";
    assert_eq!(page.call(Method::POST, path, body).await.status, 202);
    page.hears("both nodes, and their figures", |round| {
        let accepted = round["all"]["messages"].as_array()?.iter();
        let accepted: f64 = accepted.filter_map(|one| one["total"].as_f64()).sum();
        let measured = round["all"]["store"]["p99"].is_f64();
        (names(round, false) == ["node-1", "node-2"] && accepted == 1.0 && measured).then_some(())
    })
    .await;
    assert_eq!(
        page.get(&format!("{path}/m")).await["why"]["code"],
        "never_connected"
    );

    let kill = r#"{"do":"kill","node":"node-1"}"#;
    let reply = page.call(Method::POST, "/api/local", kill).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    page.hears("its silence, and its replacement", |round| {
        let local = round["local"]["nodes"].as_array()?.iter();
        let local: Vec<_> = local.filter_map(|node| node["id"].as_str()).collect();
        let (live, silent) = (names(round, false), names(round, true));
        (silent == ["node-1"] && live == ["node-2", "node-3"] && local == ["node-2", "node-3"])
            .then_some(())
    })
    .await;

    let rules = page.get("/api/rules").await;
    assert_eq!(rules["errors"], 0, "{rules}");
    let ignored = rule(&rules, "no-tls");
    assert_eq!(
        (&ignored["state"], &ignored["reason"]),
        (&"ignored".into(), &"of this machine".into())
    );
    let holds = rule(&rules, "idle-timeout-not-above-ping-interval");
    assert_eq!(
        (&holds["state"], &holds["message"]),
        (&"holds".into(), &Value::Null)
    );
}

fn rule(rules: &Value, name: &str) -> Value {
    let mut all = rules["rules"].as_array().unwrap().iter();
    all.find(|rule| rule["name"] == name).unwrap().clone()
}

/// The file is read anew: whoever breaks it or mends it sees so.
#[tokio::test]
async fn the_rules_are_those_of_the_file_as_it_is_now() {
    let directory = directory();
    let (url, _calls) = counting().await;
    let (keys, file) = (
        directory.path().join("keys"),
        directory.path().join("environments/test.yaml"),
    );
    write(&keys, &"k".repeat(32));
    write(&file, &TWO.replace("310s", "50s"));
    let mut command = command(directory.path());
    command.args([
        "console",
        "--no-open",
        "--env",
        "test",
        "--url",
        &url,
        "--backend-key-file",
    ]);
    command.arg(&keys);
    let page = Page::start(command).await;
    let rules = page.get("/api/rules").await;
    let broken = rule(&rules, "idle-timeout-not-above-ping-interval");
    assert_eq!(
        (&broken["state"], &broken["level"]),
        (&"violated".into(), &"error".into())
    );
    let keys = broken["settings"].to_string();
    assert!(keys.contains("load_balancer.idle_timeout") && keys.contains("server.ping_interval"));
    assert_eq!(
        rule(&rules, "stop-timeout-not-above-drain")["state"],
        "holds"
    );
    let rows = rules["pictures"][0]["rows"].as_array().unwrap();
    let idle = rows
        .iter()
        .find(|row| row["key"] == "load_balancer.idle_timeout")
        .unwrap();
    assert_eq!(
        (&idle["seconds"], &idle["value"]),
        (&50.0.into(), &"50s".into())
    );
    assert!(
        idle["place"]
            .as_str()
            .unwrap()
            .contains("environments/test.yaml"),
        "{idle}"
    );
    assert!(rows.iter().all(|row| row["seconds"].is_f64()), "{rows:?}");
    write(&file, TWO);
    assert_eq!(page.get("/api/rules").await["errors"], 0);
    write(&file, "extends: local-cluster\nservr: {}\n");
    let mistake = page.call(Method::GET, "/api/rules", "").await;
    assert_eq!(mistake.status, 422);
    assert!(mistake.text().contains("servr"), "{}", mistake.text());
}

/// A server that counts the calls for its metrics.
async fn counting() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut head = vec![];
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap_or(b'\n'));
                }
                let head = String::from_utf8_lossy(&head).to_lowercase();
                assert!(!head.contains("cookie"), "{head}");
                counted.fetch_add(1, Ordering::Relaxed);
                let page = "holdfast_connections 7\n# EOF\n";
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nx-node-id: one\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                    page.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (url, calls)
}

#[tokio::test]
async fn nodes_are_asked_only_while_a_page_listens() {
    let directory = directory();
    let (url, calls) = counting().await;
    let keys = directory.path().join("keys");
    write(&keys, &"k".repeat(32));
    let mut command = command(directory.path());
    command.args(["console", "--no-open", "--url", &url, "--backend-key-file"]);
    let page = Page::start({
        command.arg(&keys);
        command
    })
    .await;
    let reply = page.call(Method::GET, "/api/rules", "").await;
    assert_eq!(reply.status, 404, "there is no environment");
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    let mut feed = Feed::open(&page).await;
    let round = feed.next().await;
    assert_eq!(round["all"]["connections"], 7.0);
    assert!(calls.load(Ordering::Relaxed) > 0);
    drop(feed);
    let began = tokio::time::Instant::now();
    loop {
        let before = calls.load(Ordering::Relaxed);
        tokio::time::sleep(WATCHED).await;
        if calls.load(Ordering::Relaxed) == before {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "nodes are asked for nobody");
    }
    // Whoever comes again is told again.
    assert_eq!(
        Feed::open(&page).await.next().await["nodes"][0]["node"],
        "one"
    );
}
