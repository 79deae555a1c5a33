//! The OpenAPI document against a real server: schemathesis drives every call from it and checks
//! every answer.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::{BACKEND_KEY, Server};

/// Test cases of each operation and phase; some 1,500 requests altogether.
const EXAMPLES: &str = "25";
/// How long schemathesis may take; twenty seconds are usual.
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test]
async fn schemathesis_finds_the_document_true() {
    let server = Server::start(&[
        ("LOG_LEVEL", "info"),
        // It tries hundreds of wrong keys, each of which must be told so.
        ("FAILED_KEYS_PER_ADDRESS", "none"),
    ])
    .await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = root.join("tests/schemathesis");
    let run = Command::new(root.join("../.cache/venv/bin/schemathesis"))
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("HOOKS", config.join("hooks.py"))
        .env("AUTHORIZATION", format!("ApiKey {BACKEND_KEY}"))
        .arg("--config-file")
        .arg(config.join("schemathesis.toml"))
        .args(["run", "--seed", "20260131", "--max-examples", EXAMPLES])
        .arg(format!("http://{}/openapi.json", server.address))
        .kill_on_drop(true)
        .output();
    let run = timeout(PATIENCE, run)
        .await
        .expect("schemathesis ends in time")
        .expect("`make tools` installs schemathesis");
    let report = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{report}");
    // That it tried them all, but for the document itself, which it has read to begin with.
    let operations = operations(&document(&server).await).len() - 1;
    assert!(
        report.contains(&format!("Tested: {operations}")),
        "{report}"
    );
    let mut log = server.log();
    // A panic would be a line of its own, no JSON object.
    log.retain(|line| line["level"] == "ERROR" || line.is_string());
    assert!(log.is_empty(), "nothing went wrong inside: {log:?}");
}

#[tokio::test]
async fn the_document_lists_what_is_served() {
    let server = Server::start(&[]).await;
    let document = document(&server).await;
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["openapi"], "3.1.0");
    let http = reqwest::Client::new();
    for (path, method) in operations(&document) {
        let filled = path
            .replace("{namespace}", "dropcodes")
            .replace(['{', '}'], "");
        let request = http.request(
            method.to_uppercase().parse().unwrap(),
            format!("http://{}{filled}", server.address),
        );
        let status = request.send().await.unwrap().status().as_u16();
        let open = document["paths"][&path][&method]["security"] == serde_json::json!([]);
        assert_eq!(status, if open { 200 } else { 401 }, "{method} {path}");
    }
}

async fn document(server: &Server) -> Value {
    let url = format!("http://{}/openapi.json", server.address);
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.unwrap()
}

/// Every path of the document with each of its methods.
fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(|method| (path.clone(), method.clone()))
        })
        .collect()
}
