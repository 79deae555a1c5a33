//! `deployer status`: how a stack stands, once and while one watches.

use std::process::Stdio;

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

use crate::deploy::{PATIENCE, STACK, Site, in_order};
use crate::trials::participants::{BACKEND_KEY, Server};

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

/// Makes the emulator's alarm of this name ring.
async fn ring(site: &Site, name: &str) {
    let body = format!(
        "Action=SetAlarmState&Version=2010-08-01&AlarmName={name}&StateValue=ALARM&StateReason=11%20errors"
    );
    let mut headers = http::HeaderMap::new();
    let form = "application/x-www-form-urlencoded".parse();
    headers.insert("content-type", form.expect("a header"));
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/monitoring/aws4_request, \
                 SignedHeaders=host, Signature=none";
    headers.insert("authorization", scope.parse().expect("a header"));
    let address = site.aws.url.parse().expect("an address");
    let what = (http::Method::POST, "/");
    let reply = socketio_client::request(&address, what, &headers, body.into(), PATIENCE).await;
    let reply = reply.expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[tokio::test]
async fn connections_deployments_and_alarms_are_shown() {
    let site = Site::new("status-facts", "");
    site.up(&[]).await;
    site.register_target().await;
    let server = Server::start(&[("MAX_CONNECTIONS", "200"), ("NODE_ID", "node-x")]).await;
    let url = format!("http://{}", server.address);
    let key = site.directory.join("key");
    crate::write(&key, BACKEND_KEY);
    let key = key.to_str().expect("it is text");
    let own = ["status", "--env", "staging", "--url", &url];
    let given = [&own[..], &["--backend-key-file", key]].concat();

    // The stack's secret has another key than this server.
    let refused = site.run(&own).await;
    assert_eq!(refused.code, 0, "{refused}");
    let why = [
        "connections",
        "not seen: this backend key may not read metrics",
    ];
    assert!(in_order(&refused.stdout, &why), "{refused}");

    let told = site.run(&given).await;
    assert_eq!(told.code, 0, "{told}");
    let facts = [
        "connections\n  node-x",
        "of 200 connections (",
        "last deployments\n  20",
        "CREATE_COMPLETE, in ",
    ];
    assert!(in_order(&told.stdout, &facts), "{told}");

    let resources = site.stacks.list_stack_resources().stack_name(STACK).send();
    let resources = resources.await.expect("resources");
    let summaries = resources.stack_resource_summaries().iter();
    let mut alarms = summaries.filter(|one| one.logical_resource_id() == Some("LoggedErrors"));
    let alarm = alarms.next().and_then(|one| one.physical_resource_id());
    ring(&site, alarm.expect("an alarm")).await;
    let rings = site
        .run(&[&given[..], &["--output", "json"]].concat())
        .await;
    assert_eq!(rings.code, 1, "{rings}");
    let document: Value = serde_json::from_str(&rings.stdout).expect("one document");
    assert_eq!(document["alarms"][0]["name"], alarm.expect("an alarm"));
    assert_eq!(document["alarms"][0]["reason"], "11 errors");
    assert_eq!(document["connections"]["nodes"][0]["node"], "node-x");
    assert_eq!(document["connections"]["nodes"][0]["limit"], 200);
    assert_eq!(document["deployments"][0]["status"], "CREATE_COMPLETE");

    // The end of a deployment says the same.
    let up = site.up(&["--output", "json"]).await;
    let done = up.stdout.lines().last().expect("a line");
    let done: Value = serde_json::from_str(done).expect("an object");
    assert_eq!(done["alarms"]["ringing"], document["alarms"], "{up}");
    assert_eq!(
        done["connections"],
        Value::Null,
        "nobody is asked without a probe"
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
