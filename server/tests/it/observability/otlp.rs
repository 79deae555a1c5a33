//! What a collector receives by OTLP, read by OpenTelemetry's own messages, and what becomes of a
//! server whose collector is away.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::traffic;
use crate::harness::{PATIENCE, Server, eventually};

/// A receiver of its own for each test.
struct Collector {
    endpoint: String,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Collector {
    /// Starts one that refuses the first exports.
    async fn start(refuses: usize) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(root.join("../.cache/venv/bin/python"))
            .arg(root.join("tests/it/observability/collector.py"))
            .arg(refuses.to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("`make tools` installs it");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut collector = Self {
            endpoint: String::new(),
            lines,
            _child: child,
        };
        let port = collector.next().await["port"].clone();
        collector.endpoint = format!("http://127.0.0.1:{port}");
        collector
    }

    /// What it says next.
    async fn next(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.expect("it says something").unwrap();
        serde_json::from_str(&line.expect("it runs")).unwrap()
    }

    /// Waits until it receives a 1 for this series.
    async fn receives(&mut self, name: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(name, value)| label_of(name, value));
        let key = (name.to_owned(), labels.collect());
        let received = async { while of_export(&self.next().await).get(&key) != Some(&1.0) {} };
        timeout(PATIENCE, received).await.expect(name);
    }

    /// A server that sends to it each second.
    async fn server(&self) -> Server {
        Server::start(&[
            ("TELEMETRY", "otlp"),
            ("OTLP_ENDPOINT", &self.endpoint),
            ("OTLP_INTERVAL", "1s"),
            ("SERVICE_NAME", "acme-drops-prod"),
            ("NODE_ID", "n1"),
            ("DRAIN", "4s"),
        ])
        .await
    }
}

type Series = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// The series of a page of `/metrics`.
fn of_page(page: &str) -> Series {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let series = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split("\",");
        let labels = labels.filter(|label| !label.is_empty()).map(|label| {
            let (name, value) = label.split_once("=\"").unwrap();
            label_of(name, value.trim_end_matches('"'))
        });
        let key = (name.to_owned(), labels.collect());
        (key, value.parse().unwrap())
    });
    series.collect()
}

/// The series of an export.
fn of_export(export: &Value) -> Series {
    let series = export["series"].as_array().unwrap().iter().map(|series| {
        let labels = series[1].as_object().unwrap().iter();
        let labels = labels.map(|(name, value)| label_of(name, value.as_str().unwrap()));
        let key = (series[0].as_str().unwrap().to_owned(), labels.collect());
        (key, series[2].as_f64().unwrap())
    });
    series.collect()
}

/// A label; bounds of buckets are numbers, however they are written.
fn label_of(name: &str, value: &str) -> (String, String) {
    let value = match name {
        "le" => value.parse::<f64>().unwrap().to_string(),
        _ => value.to_owned(),
    };
    (name.to_owned(), value)
}

async fn page(server: &Server) -> Series {
    let url = format!("http://{}/metrics", server.admin);
    of_page(&reqwest::get(url).await.unwrap().text().await.unwrap())
}

#[tokio::test]
async fn a_collector_receives_what_the_page_shows() {
    let mut collector = Collector::start(0).await;
    let server = collector.server().await;
    let (_, key) = server.key("c").await;
    let client = traffic(&server, &key).await;
    // What moves by itself is left out: of everything else, the page says the same before and after
    // an export.
    let mut before = page(&server).await;
    let (mut tries, mut other) = (0..30, Vec::new());
    let (export, compared) = loop {
        assert!(
            tries.next().is_some(),
            "no export is as the page: {other:?}"
        );
        // The one that comes next may have been on its way.
        collector.next().await;
        let export = collector.next().await;
        let after = page(&server).await;
        let steady: Series = after
            .iter()
            .filter(|(key, value)| before.get(key) == Some(value))
            .map(|(key, value)| (key.clone(), *value))
            .collect();
        let sent = of_export(&export);
        // A float is not read back from JSON to its last digit.
        let is_close = |sent: &f64, value: f64| (sent - value).abs() <= value.abs() * 1e-9;
        let differs = |(key, value): &(&_, &f64)| {
            let sent = sent.get(*key);
            sent.is_none_or(|sent| !is_close(sent, **value))
        };
        other = steady
            .clone()
            .into_iter()
            .filter(|(key, value)| differs(&(key, value)))
            .collect();
        if other.is_empty() {
            break (export, steady);
        }
        before = after;
    };
    assert!(compared.len() > 60, "{}: {compared:?}", compared.len());
    let value = |name: &str, label: &str| {
        let mut found = compared.iter().filter(|((n, labels), _)| {
            n == name && (label.is_empty() || labels.values().any(|value| value == label))
        });
        *found.next().unwrap_or_else(|| panic!("{name} {label}")).1
    };
    assert_eq!(value("holdfast_messages_total", "delivered"), 1.0);
    assert_eq!(value("holdfast_refusals_total", "invalid_key"), 1.0);
    assert_eq!(value("holdfast_lateness_seconds_count", ""), 1.0);
    assert_eq!(export["path"], "/v1/metrics");
    assert_eq!(export["type"], "application/x-protobuf");
    assert_eq!(export["described"], true);
    let units = &export["units"];
    assert_eq!(
        [
            &units["holdfast_lateness_seconds"],
            &units["holdfast_memory_bytes"]
        ],
        ["s", "By"]
    );
    let expected = json!({
        "service.name": "acme-drops-prod",
        "service.instance.id": "n1",
        "service.version": env!("CARGO_PKG_VERSION"),
    });
    assert_eq!(export["resource"], expected);
    drop(client);
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_everything_and_is_told_of_once() {
    let mut collector = Collector::start(3).await;
    let mut server = collector.server().await;
    let told = |server: &Server, text: &str| {
        let mut log = server.log();
        log.retain(|line| line["message"].as_str().unwrap().starts_with(text));
        log.len()
    };
    for count in 1..=3 {
        assert_eq!(collector.next().await["refused"], count);
    }
    let (_, key) = server.key("c").await;
    let client = traffic(&server, &key).await;
    let (away, back) = (
        "the collector does not take the metrics",
        "the collector takes the metrics again",
    );
    collector
        .receives("holdfast_messages_total", &[("state", "delivered")])
        .await;
    eventually("its return is told", async || {
        (told(&server, back) == 1).then_some(())
    })
    .await;
    assert_eq!(told(&server, away), 1);
    // What happened last is sent before the end.
    server.signal("TERM");
    assert!(server.ended().await.success());
    collector.receives("holdfast_draining", &[]).await;
    drop(client);
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_nothing_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut server = Server::start(&[
        ("TELEMETRY", "otlp"),
        ("OTLP_ENDPOINT", &endpoint),
        ("OTLP_INTERVAL", "1s"),
        ("DRAIN", "30s"),
    ])
    .await;
    // It is waiting for an answer.
    let (_connection, _) = timeout(PATIENCE, silent.accept()).await.unwrap().unwrap();
    let (_, key) = server.key("c").await;
    let client = traffic(&server, &key).await;
    drop(client);
    server.signal("TERM");
    assert!(server.ended().await.success());
}
