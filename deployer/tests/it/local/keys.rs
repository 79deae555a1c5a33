//! `deployer keys` and `deployer redeploy` for the running local stack.

use std::path::Path;
use std::sync::{Arc, Mutex};

use deployer::local::api::Api;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::running::{Up, command, directory};
use crate::trials::participants::PATIENCE;

/// A backend that publishes one message after the other with the key that it has at the moment.
struct Backend {
    key: Arc<Mutex<String>>,
    published: Arc<Mutex<Vec<Result<Value, String>>>>,
    task: JoinHandle<()>,
}

impl Backend {
    fn start(url: &str, key: &str) -> Self {
        let key = Arc::new(Mutex::new(key.to_owned()));
        let published = Arc::new(Mutex::new(Vec::new()));
        let (current, told) = (key.clone(), published.clone());
        let address: socketio_client::Address = url.parse().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let api = Api {
                    address: address.clone(),
                    backend_key: current.lock().unwrap().clone(),
                };
                let message = json!({ "event": "code", "data": 1, "ttl": 60_000 });
                let answer = api.publish("dropcodes", "demo", &message).await;
                let answer = answer.map_err(|error| error.to_string());
                told.lock().unwrap().push(answer);
                tokio::task::yield_now().await;
            }
        });
        Self {
            key,
            published,
            task,
        }
    }

    /// Waits until it has published so many more.
    async fn publishes(&self, more: usize) {
        let count = || self.published.lock().unwrap().len();
        let wanted = count() + more;
        let waiting = async {
            while count() < wanted {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waiting).await.expect("it publishes");
    }
}

async fn keys(directory: &Path, more: &[&str]) -> (i32, Value, String) {
    let run = command(directory)
        .args(["keys", "--output", "json"])
        .args(more)
        .args(["--env", "local"])
        .output();
    let output = timeout(PATIENCE, run).await.expect("in time").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), document, said)
}

#[tokio::test]
async fn keys_are_rotated_under_load_without_one_refused_publish() {
    let home = directory();
    let mut up = Up::start(home.path(), &[]);
    let ready = up.wait_for("ready").await;
    let (url, old) = (&ready["url"], ready["backend_key"].as_str().unwrap());
    let url = url.as_str().unwrap();
    let backend = Backend::start(url, old);
    backend.publishes(20).await;

    let (code, rotated, said) = keys(home.path(), &["rotate"]).await;
    assert_eq!(code, 0, "{said}");
    let new = rotated["key"].as_str().expect("the new key").to_owned();
    backend.publishes(20).await;
    let (code, twice, said) = keys(home.path(), &["rotate"]).await;
    assert_eq!(code, 2, "{twice}");
    assert!(
        said.contains("`--finish` ends it") || twice.to_string().contains("--finish"),
        "{said}"
    );
    backend.key.lock().unwrap().clone_from(&new);
    backend.publishes(20).await;
    let (code, finished, said) = keys(home.path(), &["rotate", "--finish", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(finished["name"], "key-1");
    backend.publishes(20).await;

    backend.task.abort();
    let published = backend.published.lock().unwrap().clone();
    let refused: Vec<_> = published
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    assert!(
        refused.is_empty(),
        "{} of {}: {refused:?}",
        refused.len(),
        published.len()
    );
    let of_old = Api {
        address: url.parse().unwrap(),
        backend_key: old.to_owned(),
    };
    assert!(!of_old.is_known().await.unwrap(), "the old key still opens");
    let (_, listed, _) = keys(home.path(), &["list"]).await;
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["keys"][0]["name"], rotated["name"]);
    assert!(!listed.to_string().contains(&new), "a list shows no key");

    // Whoever sends from another terminal has the new key.
    let send = command(home.path()).args(["send", "{}"]).output();
    let sent = timeout(PATIENCE, send).await.expect("in time").unwrap();
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    up.signal("INT");
    assert_eq!(up.code().await, Some(0));
}

#[tokio::test]
async fn a_rotation_outlives_a_stack_that_is_killed() {
    let home = directory();
    let mut up = Up::start(home.path(), &[]);
    let ready = up.wait_for("ready").await;
    let old = ready["backend_key"].as_str().unwrap().to_owned();
    let (code, rotated, said) = keys(home.path(), &["rotate"]).await;
    assert_eq!(code, 0, "{said}");
    let new = rotated["key"].as_str().expect("the new key").to_owned();
    up.signal("KILL");
    up.code().await;

    let mut up = Up::start(home.path(), &[]);
    let ready = up.wait_for("ready").await;
    assert_eq!(ready["backend_key"], new, "the newest one");
    let opens = async |key: &str| {
        let api = Api {
            address: ready["url"].as_str().unwrap().parse().unwrap(),
            backend_key: key.to_owned(),
        };
        api.is_known().await.unwrap()
    };
    assert!(opens(&old).await && opens(&new).await);
    let (code, finished, said) = keys(home.path(), &["rotate", "--finish", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(finished["name"], "key-1");
    up.signal("INT");
    assert_eq!(up.code().await, Some(0));

    let mut up = Up::start(home.path(), &[]);
    let ready = up.wait_for("ready").await;
    assert_eq!(ready["backend_key"], new);
    let (_, listed, _) = keys(home.path(), &["list"]).await;
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["keys"][0]["name"], rotated["name"], "{listed}");
    up.signal("INT");
    assert_eq!(up.code().await, Some(0));
}

#[tokio::test]
async fn redeploy_replaces_the_nodes() {
    let home = crate::running::hasty();
    let defaults = home.path().join("environments/defaults.yaml");
    let text = std::fs::read_to_string(&defaults).unwrap();
    let text = text.replace("deregistration_delay: 30s", "deregistration_delay: 1s");
    crate::write(&defaults, &text);
    let mut up = Up::start(home.path(), &[]);
    up.wait_for("ready").await;
    let run = command(home.path())
        .args(["redeploy", "--env", "local", "--yes"])
        .output();
    let output = timeout(PATIENCE, run).await.expect("in time").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("node-1 replaced by node-2"), "{said}");
    assert_eq!(output.status.code(), Some(0));
    up.signal("INT");
    assert_eq!(up.code().await, Some(0));
}
