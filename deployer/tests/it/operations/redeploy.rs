//! `deployer redeploy` and `deployer keys` on AWS: fresh tasks of the same revision.

use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use serde_json::Value;

use crate::deploy::{Site, in_order};

impl Site {
    fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&self.aws.url)
            .build();
        aws_sdk_secretsmanager::Client::from_conf(config)
    }

    /// The text of the stack's backend keys.
    async fn backend_keys(&self) -> String {
        let stack = self.stack().await.expect("a stack");
        let mut outputs = stack.outputs().iter();
        let secret = outputs.find(|output| output.output_key() == Some("BackendKeys"));
        let secret = secret.and_then(|output| output.output_value());
        let client = self.secrets();
        let request = client
            .get_secret_value()
            .secret_id(secret.expect("its ARN"));
        let answer = request.send().await.expect("the secret");
        answer.secret_string.expect("text")
    }

    /// How many deployments the service has had, and the revision that it runs.
    async fn status(&self) -> Value {
        let run = self
            .run(&["status", "--env", "staging", "--output", "json"])
            .await;
        let document: Value = serde_json::from_str(&run.stdout).expect("one document");
        document["services"][0]["deployments"][0].clone()
    }
}

#[tokio::test]
async fn fresh_tasks_come_and_the_revision_stays() {
    let site = Site::new("redeploy", "");
    let none = site.run(&["redeploy", "--env", "staging", "--yes"]).await;
    assert_eq!(none.code, 2, "{none}");
    assert!(
        none.stderr
            .contains("there is no stack `acme-drops-staging`"),
        "{none}"
    );
    assert_eq!(site.up(&[]).await.code, 0);
    let before = site.status().await;
    let asked = site.run(&["redeploy", "--env", "staging"]).await;
    assert_eq!(asked.code, 2, "{asked}");
    assert!(
        asked.stderr.contains("no terminal to confirm on"),
        "{asked}"
    );

    let run = site.run(&["redeploy", "--env", "staging", "--yes"]).await;
    assert_eq!(run.code, 0, "{run}");
    assert_eq!(
        run.stdout, "redeployed: acme-drops-staging runs on fresh tasks\n",
        "{run}"
    );
    assert!(
        in_order(&run.stderr, &["service acme-drops-staging", "COMPLETED"]),
        "{run}"
    );
    let after = site.status().await;
    assert_eq!(after["task_definition"], before["task_definition"]);
    assert_ne!(after["id"], before["id"], "{after}");
}

#[tokio::test]
async fn keys_are_rotated_in_the_secret_and_fresh_tasks_read_it() {
    let site = Site::new("rotate", "");
    assert_eq!(site.up(&[]).await.code, 0);
    let old = site.backend_keys().await;
    let rotate = ["keys", "rotate", "--env", "staging", "--yes"];
    let run = site.run(&rotate).await;
    assert_eq!(run.code, 0, "{run}");
    assert!(
        run.stdout.contains("\nkey-1-20")
            && run
                .stdout
                .contains("`deployer keys rotate --env staging --finish`"),
        "{run}"
    );
    let both = site.backend_keys().await;
    assert!(
        both.starts_with(&format!("{old} name=key-1,")),
        "the old one is first"
    );
    let again = site.run(&rotate).await;
    assert_eq!(again.code, 2, "{again}");
    assert_eq!(site.backend_keys().await, both);

    let json = ["--finish", "--output", "json"];
    let run = site.run(&[&rotate[..], &json].concat()).await;
    assert_eq!(run.code, 0, "{run}");
    let told: Value =
        serde_json::from_str(run.stdout.lines().last().expect("lines")).expect("a document a line");
    assert_eq!(told["type"], "rotated", "{run}");
    assert_eq!(told["name"], "key-1", "{run}");
    assert_eq!(told["key"], Value::Null, "AWS alone shows a key");
    assert!(told["next"].is_string(), "{run}");
    let new = site.backend_keys().await;
    assert!(
        !new.contains(&old) && both.ends_with(&new),
        "the new one alone is left"
    );
    let none = site.run(&[&rotate[..], &["--finish"]].concat()).await;
    assert_eq!(none.code, 2, "{none}");
    for verb in [&["keys", "list"][..], &["keys", "rotate", "--yes"][..]] {
        let elsewhere = ["--env", "staging", "--url", "http://127.0.0.1:1"];
        let refused = site.run(&[verb, &elsewhere].concat()).await;
        assert_eq!(refused.code, 2, "{refused}");
        assert!(
            refused.stderr.contains("`--url` is for a local"),
            "{refused}"
        );
    }
    assert_eq!(site.backend_keys().await, new);
    let list = site.run(&["keys", "list", "--env", "staging"]).await;
    let key = new.split(' ').next().expect("a key");
    assert!(
        list.stdout.starts_with("key-1-20") && !list.stdout.contains(key),
        "{list}"
    );
}
