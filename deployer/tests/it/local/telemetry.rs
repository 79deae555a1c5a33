//! A stack whose template says `telemetry: otlp`: to a receiver that is there, and without the
//! collector that only runs on AWS.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::project;
use crate::running::{Up, directory};
use crate::trials::participants::PATIENCE;
use crate::write;

#[tokio::test]
async fn a_deployment_sends_its_metrics_to_a_receiver() {
    let mut receiver = Command::new(project().join(".cache/venv/bin/python"))
        .arg(project().join("server/tests/it/observability/collector.py"))
        .arg("0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("`make tools` installs it");
    let mut lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    let mut said = async || -> Value {
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap();
        serde_json::from_str(&line.unwrap().unwrap()).unwrap()
    };
    let port = said().await["port"].clone();
    let directory = directory();
    let environment = format!(
        "extends: local\nserver:\n  telemetry: otlp\n  otlp_endpoint: http://127.0.0.1:{port}\n  \
         otlp_interval: 1s\n"
    );
    write(
        &directory.path().join("environments/test.yaml"),
        &environment,
    );
    let mut up = Up::start(directory.path(), &["--env", "test"]);
    let ready = up.document().await;
    assert_eq!(ready["type"], "ready", "{ready}");
    let export = said().await;
    let service = export["resource"]["service.name"].as_str().unwrap();
    assert_eq!(service, "acme-drops-test");
    assert_eq!(export["resource"]["service.instance.id"], "node-1");
    let series = export["series"].as_array().unwrap();
    let connections = series.iter().any(|one| one[0] == "holdfast_connections");
    assert!(connections, "{export}");
}

#[tokio::test]
async fn the_collector_stays_on_aws() {
    let directory = directory();
    write(
        &directory.path().join("environments/test.yaml"),
        "extends: local\nserver: { telemetry: otlp }\n",
    );
    let mut up = Up::start(directory.path(), &["--env", "test"]);
    let ready = up.document().await;
    assert_eq!(ready["type"], "ready", "{ready}");
    up.signal("INT");
    let (_, said) = up.ended().await;
    let notice = "the container `collector` does not run on this machine";
    assert!(said.contains(notice), "{said}");
}
