//! `redeploy` and `keys rotate` where it cannot be known at once what AWS has done.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::fault_proxy::{Fault, way};
use super::interrupted::{ended, signal};
use super::{PATIENCE, Site};

/// What is said when Ctrl-C comes while AWS has done this call and its answer has not come.
async fn interrupted_at(call: &'static str, test: &str, arguments: &[&str]) -> (Site, String) {
    let site = Site::new(test, "");
    assert_eq!(site.up(&[]).await.code, 0);
    let done = Arc::new(Notify::new());
    let way = way(&site.aws.url, call, Fault::Held(done.clone())).await;
    let child = site
        .command(arguments)
        .args(["--env", "staging", "--yes"])
        .env("AWS_ENDPOINT_URL", &way)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    timeout(PATIENCE, done.notified())
        .await
        .expect("it is done");
    signal(&child, "INT");
    let (code, said) = ended(child).await;
    assert_eq!(code, 130, "{said}");
    assert!(!said.contains("nothing was changed"), "{said}");
    (site, said)
}

#[tokio::test]
async fn ctrl_c_while_tasks_are_replaced_says_that_they_may_be() {
    let (_, said) = interrupted_at("UpdateService", "held-service", &["redeploy"]).await;
    assert!(said.contains("ECS may have begun"), "{said}");
    assert!(said.contains("deployer status --env staging"), "{said}");
}

#[tokio::test]
async fn ctrl_c_while_a_secret_changes_says_that_it_may_have() {
    let (site, said) = interrupted_at("PutSecretValue", "held-secret", &["keys", "rotate"]).await;
    assert!(said.contains("the secret may be changed"), "{said}");
    assert!(said.contains("`deployer redeploy --env staging`"), "{said}");
    // It was.
    let list = site.run(&["keys", "list", "--env", "staging"]).await;
    assert_eq!(list.stdout.lines().count(), 2, "{list}");
}
