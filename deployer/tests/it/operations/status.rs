//! `deployer status`: how a stack stands, once and while one watches.

use std::process::Stdio;

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

use crate::deploy::{PATIENCE, Site, in_order};

impl Site {
    /// Registers a target, as ECS does for a task, which the emulator does not.
    async fn register_target(&self) {
        let client = self.balancers();
        let groups = client
            .describe_target_groups()
            .send()
            .await
            .expect("target groups");
        let arn = groups.target_groups()[0]
            .target_group_arn()
            .expect("an ARN");
        let target = TargetDescription::builder()
            .id("10.0.1.5")
            .port(8080)
            .build();
        client
            .register_targets()
            .target_group_arn(arn)
            .targets(target)
            .send()
            .await
            .expect("a target");
    }
}

#[tokio::test]
async fn who_deployed_what_and_how_it_stands() {
    let site = Site::new("status", "");
    let none = site.run(&["status", "--env", "staging"]).await;
    assert_eq!(none.code, 2, "{none}");
    assert!(
        none.stderr.contains(
            "there is no stack `acme-drops-staging` in eu-west-1 in this \
                                  account; `deployer up --env staging` makes it"
        ),
        "{none}"
    );
    site.up(&["--image", "example.com/drops:1.4.2"]).await;

    let ill = site.run(&["status", "--env", "staging"]).await;
    assert_eq!(ill.code, 1, "{ill}");
    assert!(
        in_order(
            &ill.stdout,
            &[
                "what is wrong:",
                "the load balancer has no healthy target: clients are refused"
            ]
        ),
        "{ill}"
    );

    site.register_target().await;
    site.up(&["--image", "example.com/drops:1.5.0"]).await;
    let well = site.run(&["status", "--env", "staging"]).await;
    assert_eq!(well.code, 0, "{well}");
    assert!(
        in_order(
            &well.stdout,
            &[
                "acme-drops-staging is UPDATE_COMPLETE",
                "by          arn:aws:",
                "image       example.com/drops:1.5.0",
                "before it   example.com/drops:1.4.2, deployed at 20",
                "url         https://drops.staging.example.com",
                "protected   no",
                "1 of 1 tasks run",
                "PRIMARY COMPLETED    acme-drops-staging:2  1 of 1 running, 0 pending, 0 failed, ",
                "nodes",
                "RUNNING in eu-west-1a",
                "10.0.1.5:8080",
            ]
        ),
        "{well}"
    );
    assert!(!well.stdout.contains('\u{1b}'), "{well}");

    let json = site
        .run(&[
            "status",
            "--stack",
            "acme-drops-staging",
            "--output",
            "json",
        ])
        .await;
    let document: Value = serde_json::from_str(&json.stdout).expect("one document");
    assert_eq!(
        (&document["schema"], &document["type"], &document["ok"]),
        (&1.into(), &"status".into(), &true.into())
    );
    assert_eq!(
        document["previous"]["parameters"]["Image"],
        "example.com/drops:1.4.2"
    );
    assert_eq!(
        document["services"][0]["deployments"][0]["rollout_state"],
        "COMPLETED"
    );
}

#[tokio::test]
async fn watching_tells_what_changes() {
    let site = Site::new("status-watch", "");
    site.up(&["--image", "example.com/drops:1.4.2"]).await;
    let mut command = site.command(&["status", "--env", "staging", "--watch", "--output", "json"]);
    let mut watch = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(watch.stdout.take().expect("it is piped")).lines();
    let mut next = async || {
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .expect("a line in time")
            .expect("it is text");
        let object: Value =
            serde_json::from_str(&line.expect("it goes on")).expect("an object a line");
        assert_eq!(object["type"], "status");
        object
    };
    assert_eq!(next().await["stack"]["status"], "CREATE_COMPLETE");
    site.up(&["--image", "example.com/drops:1.5.0"]).await;
    // What comes between depends on the moment of the look.
    while next().await["stack"]["parameters"]["Image"] != "example.com/drops:1.5.0" {}
    let pid = watch.id().expect("it runs").to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("kill runs")
            .success()
    );
    let status = timeout(PATIENCE, watch.wait())
        .await
        .expect("it ends")
        .expect("it ran");
    assert_eq!(status.code(), Some(130));
}
