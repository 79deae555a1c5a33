//! The lines from which CloudWatch makes metrics, as a real process writes them, against AWS's own
//! schema; and the stack of alarms, which looks at exactly these metrics.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use server::emf::{DIMENSION, NAMESPACE};
use tokio::process::Command;

use super::{run, shipped, traffic};
use crate::harness::{Client, Options, Server, eventually};

/// Reads a schema and a document, and fails with what is wrong.
const VALIDATE: &str = "import json, sys, jsonschema_rs
schema = json.load(open(sys.argv[1]))
errors = list(jsonschema_rs.validator_for(schema).iter_errors(json.loads(sys.argv[2])))
sys.exit('; '.join(str(error) for error in errors) or 0)";

/// A server that has had traffic, has refused a valid key and has left: the last line of its
/// metrics.
async fn line_of_a_server() -> Value {
    let mut server = Server::start(&[
        ("TELEMETRY", "emf"),
        ("SERVICE_NAME", "acme-drops-prod"),
        ("NODE_ID", "n1"),
        ("MAX_CONNECTIONS", "500"),
        ("SOCKETS_PER_KEY", "1"),
        // Metrics do not count towards the lines of a second.
        ("LOG_LINES_PER_SECOND", "1"),
        ("DRAIN", "2s"),
    ])
    .await;
    let (_, key) = server.key("c").await;
    let client = traffic(&server, &key).await;
    let second = Client::start(&server, &Options::new(&key));
    eventually("the second socket of the key is refused", async || {
        let refused = server.metric("holdfast_refusals_total{reason=\"key_sockets\"}");
        (refused.await > 0.0).then_some(())
    })
    .await;
    server.signal("TERM");
    assert!(server.ended().await.success());
    drop((client, second));
    eventually("the last line of the log", async || {
        let mut log = server.log();
        log.retain(|line| line.get("_aws").is_some());
        assert!(
            log.len() <= 2,
            "a line a minute, and one at the end: {log:?}"
        );
        log.pop()
    })
    .await
}

#[tokio::test]
async fn a_process_writes_its_metrics_as_cloudwatch_takes_them() {
    let line = line_of_a_server().await;
    valid(&line).await;
    let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        ["Service", "node", "level"].map(text),
        ["acme-drops-prod", "n1", "INFO"]
    );
    assert!(line["RefusedValidKeys"].as_u64() >= Some(1), "{line}");
    for (name, expected) in [
        ("Delivered", 1),
        ("Redeliveries", 0),
        ("ExpiredUnacknowledged", 0),
        ("StoreErrors", 0),
    ] {
        assert_eq!(line[name], expected, "{name}: {line}");
    }
    assert_eq!(line["Lateness"]["Counts"], json!([1]));
    assert!(line["Memory"].as_u64().unwrap() > 1 << 20, "{line}");
    let used = line["MemoryUsed"].as_f64().unwrap();
    assert!(used > 0.0 && used < 100.0, "{line}");
}

#[tokio::test]
async fn without_the_setting_no_line_is_written() {
    let mut server = Server::start(&[("DRAIN", "2s")]).await;
    server.signal("TERM");
    assert!(server.ended().await.success());
    eventually("the last line of the log", async || {
        let drained = |line: &Value| line["message"] == "drained";
        server.log().iter().any(drained).then_some(())
    })
    .await;
    let log = server.log();
    assert!(log.iter().all(|line| line.get("_aws").is_none()), "{log:?}");
}

#[tokio::test]
async fn alarms_and_dashboard_look_at_what_the_server_writes() {
    let template = fs::read_to_string(shipped("cloudwatch/alarms.yaml")).unwrap();
    let line = line_of_a_server().await;
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], NAMESPACE);
    let written: BTreeSet<_> = directive["Metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| metric["Name"].as_str().unwrap())
        .collect();
    let alarmed: BTreeSet<_> = template
        .lines()
        .filter_map(|line| line.trim().strip_prefix("MetricName: "))
        .collect();
    let unknown: Vec<_> = alarmed.difference(&written).collect();
    assert!(alarmed.len() >= 6 && unknown.is_empty(), "{unknown:?}");
    // The dashboard shows all of them.
    let (_, dashboard) = template.split_once("DashboardBody: !Sub |\n").unwrap();
    let dashboard: Value = serde_json::from_str(dashboard).unwrap();
    let widgets = dashboard["widgets"].as_array().unwrap().iter();
    let shown = widgets.flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap());
    let shown: BTreeSet<_> = shown
        .map(|metric| {
            assert_eq!(
                (&metric[0], &metric[2]),
                (&json!(NAMESPACE), &json!(DIMENSION))
            );
            metric[1].as_str().unwrap()
        })
        .collect();
    assert_eq!(shown, written);
    let dimensions = template.matches(&format!("Name: {DIMENSION},")).count();
    let namespace = format!("Namespace: {NAMESPACE}\n");
    assert_eq!(dimensions, template.matches(&namespace).count());
}

#[tokio::test]
async fn cfn_lint_accepts_the_stack_of_alarms() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lint = Command::new(root.join("../.cache/cfn/bin/cfn-lint"));
    let said = run(lint.arg(shipped("cloudwatch/alarms.yaml"))).await;
    assert_eq!(said, "");
}

/// Fails unless the line is what AWS's schema and the text beside it say.
async fn valid(line: &Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = root.join("tests/it/observability/emf.schema.json");
    let mut python = Command::new(root.join("../.cache/venv/bin/python"));
    python.args(["-c", VALIDATE]).arg(schema);
    run(python.arg(line.to_string())).await;
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    for name in directive["Dimensions"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(strings)
    {
        assert!(line[name].is_string(), "the dimension {name}: {line}");
    }
    let metrics = directive["Metrics"].as_array().unwrap();
    assert!(!metrics.is_empty() && metrics.len() <= 100);
    for metric in metrics {
        let name = metric["Name"].as_str().unwrap();
        // A number, or values with their counts, a hundred at most: AWS's own writer has that form
        // (awslabs/metrique, metrique-writer-format-emf).
        let values = &line[name]["Values"];
        let counts = &line[name]["Counts"];
        let distribution = numbers(values).zip(numbers(counts));
        let fits = distribution
            .is_some_and(|(values, counts)| values == counts && (1..=100).contains(&values));
        assert!(line[name].is_number() || fits, "{name}: {line}");
    }
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// How many numbers the list has, if it has nothing else.
fn numbers(list: &Value) -> Option<usize> {
    let list = list.as_array()?;
    list.iter().all(Value::is_number).then_some(list.len())
}
