//! What `plan` and `up` look at before anything is changed: each finding, right and wrong, against
//! an emulator with the network, certificate and image of the shipped staging.

mod routes;

use serde_json::Value;

use super::fault_proxy::{Fault, listening, way};
use super::{Site, in_order};
use crate::Run;
use crate::check_live::{ACCOUNT, Emulator};

/// A plan of an environment with these lines.
async fn plan(test: &str, more: &str) -> Run {
    let site = Site::new(&format!("preflight-{test}"), more);
    let planned = site.run(&["plan", "--env", "staging"]).await;
    assert_eq!(planned.code, 0, "{planned}");
    assert!(site.stack().await.is_none(), "{planned}");
    planned
}

/// The plan of such an environment has one error, with its line and its cure.
async fn finds(test: &str, more: &str, words: &[&str]) {
    let planned = plan(test, more).await;
    let told = &planned.stderr;
    assert!(in_order(told, words), "{planned}");
    assert!(told.contains("preflight: 1 error, 0 warnings"), "{planned}");
    assert!(
        // A rule may have seen the same.
        in_order(
            told,
            &[
                "`deployer up` would refuse: ",
                "the preflight found 1 error"
            ]
        ),
        "{planned}"
    );
    assert!(
        in_order(
            told,
            &["error: ", "  --> environments/staging.yaml:", "  help: "]
        ),
        "{planned}"
    );
}

#[tokio::test]
async fn what_fits_is_fine() {
    let more = "account: \"123456789012\"\nhosted_zone: Z0123456789EXAMPLE";
    let planned = plan("fine", more).await;
    assert!(
        planned.stderr.contains("preflight: 0 errors, 0 warnings"),
        "{planned}"
    );
    assert!(!planned.stderr.contains("not looked at:"), "{planned}");
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_is_found() {
    let arn = |region: &str, n: u8| {
        format!(
            "load_balancer:\n  certificate: \
             arn:aws:acm:{region}:{ACCOUNT}:certificate/6f1c0f1e-0000-4000-8000-00000000000{n}"
        )
    };
    let gone = arn("eu-west-1", 9);
    finds(
        "certificate-gone",
        &gone,
        &["there is no certificate arn:aws:acm"],
    )
    .await;
    let other = ["the certificate is for drops.example.com, and not for drops.staging.example.com"];
    finds("certificate-domain", &arn("eu-west-1", 2), &other).await;
    let away = ["the certificate is in us-east-1, and the load balancer in eu-west-1"];
    finds("certificate-region", &arn("us-east-1", 1), &away).await;
}

#[tokio::test]
async fn an_image_that_does_not_fit_is_found() {
    let image = |rest: &str| format!("image: {ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/{rest}");
    finds(
        "image-tag",
        &image("drops:1.4.3"),
        &["ECR has no image 1234"],
    )
    .await;
    finds(
        "image-repository",
        &image("droops:1"),
        &["ECR has no repository `droops`"],
    )
    .await;
    let arm = "service:\n  architecture: ARM64";
    let planned = plan("image-processor", arm).await;
    let words = ["error: the image is for amd64, and the tasks run on arm64"];
    assert!(in_order(&planned.stderr, &words), "{planned}");
    let elsewhere = plan("image-elsewhere", "image: example.com/drops:1").await;
    let words = "not looked at: image: example.com/drops:1 is not in ECR, and no other registry \
                 is asked";
    assert!(elsewhere.stderr.contains(words), "{elsewhere}");
}

#[tokio::test]
async fn a_network_that_does_not_fit_is_found() {
    let network = |lines: &str| format!("network:\n{lines}");
    let vpc = network("  vpc: vpc-00000000000000009");
    finds(
        "network-vpc",
        &vpc,
        &["there is no VPC vpc-00000000000000009"],
    )
    .await;
    let subnets = "  subnets: [subnet-0a1b2c3d4e5f60711, subnet-09]";
    let planned = plan("network-subnet", &network(subnets)).await;
    assert!(
        planned.stderr.contains("there is no subnet subnet-09"),
        "{planned}"
    );
    let strange = "  task_subnets: [subnet-0f1e2d3c4b5a69783, subnet-0f1e2d3c4b5a69784]";
    let planned = plan("network-strange", &network(strange)).await;
    let words = "subnet-0f1e2d3c4b5a69783 belongs to vpc-0f1e2d3c4b5a69788";
    assert!(planned.stderr.contains(words), "{planned}");
    let one_zone = "  subnets: [subnet-0a1b2c3d4e5f60711]\n  task_subnets: \
                    [subnet-0a1b2c3d4e5f60713]";
    finds(
        "network-zone",
        &network(one_zone),
        &["are in eu-west-1a, and it needs two"],
    )
    .await;
    let private = "  subnets: [subnet-0a1b2c3d4e5f60713, subnet-0a1b2c3d4e5f60714]";
    finds(
        "network-in",
        &network(private),
        &["no route to an internet gateway from subnet-0a1b2c3d4e5f60713"],
    )
    .await;
    let public = "  task_subnets: [subnet-0a1b2c3d4e5f60711, subnet-0a1b2c3d4e5f60712]";
    let words = ["the VPC has no endpoints for ecr.api, ecr.dkr, s3, logs, secretsmanager"];
    finds("network-out", &network(public), &words).await;
}

#[tokio::test]
async fn a_hosted_zone_that_does_not_fit_is_found() {
    finds(
        "zone-gone",
        "hosted_zone: Z9",
        &["there is no hosted zone Z9"],
    )
    .await;
    let planned = plan(
        "zone-domain",
        "hosted_zone: Z0123456789EXAMPLE\ndomain: drops.example.org",
    );
    let planned = planned.await;
    let words = "drops.example.org is not within the hosted zone, which is example.com";
    assert!(planned.stderr.contains(words), "{planned}");
}

#[tokio::test]
async fn quotas_that_are_reached_are_found() {
    let mut site = Site::new("preflight-quotas", "");
    site.aws = Emulator::start_with(&[("EMULATOR_QUOTAS", "full")]);
    let planned = site.run(&["plan", "--env", "staging"]).await;
    for words in [
        "the region has 0 Application Load Balancers, and the account may have 0",
        "error: the account may have 0.25 vCPUs at once, and not 0.5 for 1 task",
    ] {
        assert!(planned.stderr.contains(words), "{words}: {planned}");
    }
}

#[tokio::test]
async fn an_update_that_starts_no_more_tasks_is_not_refused() {
    fn full(call: &str) -> String {
        let subnet = |n: u8, zone: &str| {
            format!(
                "<item><subnetId>subnet-0a1b2c3d4e5f607{n}</subnetId>\
                 <vpcId>vpc-0a1b2c3d4e5f60718</vpcId><availabilityZone>{zone}</availabilityZone>\
                 <availableIpAddressCount>0</availableIpAddressCount></item>"
            )
        };
        let subnets = [(11, "a"), (12, "b"), (13, "a"), (14, "b")];
        let subnets = subnets.map(|(n, zone)| subnet(n, zone)).concat();
        match call {
            "GetServiceQuota" => r#"{"Quota": {"Value": 0.25}}"#.to_owned(),
            _ => format!(
                "<DescribeSubnetsResponse><subnetSet>{subnets}</subnetSet>\
                 </DescribeSubnetsResponse>"
            ),
        }
    }
    let site = Site::new("preflight-update", "");
    let url = way(
        &site.aws.url,
        "GetServiceQuota|DescribeSubnets",
        Fault::Says(full),
    );
    let url = url.await;
    let plan = ["plan", "--env", "staging"];
    let created = site.run_by(&url, &plan).await;
    for words in [
        "error: the account may have 0.25 vCPUs at once, and not 0.5 for 1 task",
        "error: the tasks' subnets have 0 free addresses, and the deployment starts 1 task",
    ] {
        assert!(created.stderr.contains(words), "{words}: {created}");
    }
    assert_eq!(site.up(&[]).await.code, 0);
    let updated = [&plan[..], &["--image", "drops:2"]].concat();
    let updated = site.run_by(&url, &updated).await;
    let words = [
        "warning: the account may have 0.25 vCPUs at once, and not 0.5 for 1 task, as many as run",
        "preflight: 0 errors, 1 warning",
    ];
    assert!(in_order(&updated.stderr, &words), "{updated}");
    // One of these two runs.
    site.environment("service:\n  tasks: { min: 2, max: 2 }");
    let grown = site.run_by(&url, &plan).await;
    for words in [
        "error: the account may have 0.25 vCPUs at once, and not 1 for 2 tasks",
        "error: the tasks' subnets have 0 free addresses, and the deployment starts 1 task",
    ] {
        assert!(grown.stderr.contains(words), "{words}: {grown}");
    }
}

#[tokio::test]
async fn nothing_is_changed_where_it_would_fail() {
    let image = format!("image: {ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/drops:1.4.3");
    let site = Site::new("preflight-refuses", &image);
    let refused = site.up(&["--output", "json"]).await;
    assert_eq!(refused.code, 1, "{refused}");
    let documents: Vec<Value> = refused
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let of = |kind: &str| documents.iter().find(|document| document["type"] == kind);
    let preflight = of("preflight").expect("a report");
    assert_eq!(preflight["ok"], false);
    assert_eq!(preflight["findings"][0]["subject"], "image");
    assert_eq!(of("failed").expect("an end")["now"], "nothing was changed");
    assert!(site.stack().await.is_none(), "the plan is left behind");
    let deployed = site.up(&["--no-preflight"]).await;
    assert!(!deployed.stderr.contains("preflight:"), "{deployed}");
    assert!(site.stack().await.is_some(), "{deployed}");
}

#[tokio::test]
async fn a_plan_that_fails_tells_programs_what_was_found() {
    let site = Site::new("preflight-failed-plan", "hosted_zone: Z9");
    let url = way(&site.aws.url, "CreateChangeSet", Fault::Denied).await;
    let plan = ["plan", "--env", "staging", "--output", "json"];
    let failed = site.run_by(&url, &plan).await;
    assert_eq!(failed.code, 2, "{failed}");
    let lines = failed.stdout.lines();
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str()).collect();
    assert_eq!(kinds, [Some("preflight"), Some("error")], "{failed}");
    assert_eq!(lines[0]["findings"][0]["subject"], "hosted zone");
    assert!(!failed.stderr.contains("preflight:"), "{failed}");
}

#[tokio::test]
async fn another_account_is_refused_as_bad_input() {
    let site = Site::new("preflight-account", "account: \"111122223333\"");
    let changing = "CreateChangeSet|DeleteChangeSet|DeleteStack|UpdateService|PutSecretValue";
    let (url, calls) = listening(&site.aws.url, changing).await;
    for verb in [
        &["plan", "--env", "staging"][..],
        &["up", "--env", "staging", "--yes"][..],
        &["down", "--env", "staging", "--yes"][..],
        &["rollback", "--env", "staging", "--yes"][..],
        &["redeploy", "--env", "staging", "--yes"][..],
        &["keys", "rotate", "--env", "staging", "--yes"][..],
    ] {
        let refused = site.run_by(&url, verb).await;
        assert_eq!(refused.code, 2, "{refused}");
        let words = [
            "environments/staging.yaml:",
            "this environment is for account 111122223333, and the credentials are of account \
             123456789012",
        ];
        assert!(in_order(&refused.stderr, &words), "{refused}");
    }
    assert!(calls.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn what_the_role_may_not_ask_is_said_and_hinders_nothing() {
    let site = Site::new("preflight-denied", "hosted_zone: Z0123456789EXAMPLE");
    let denied = "DescribeCertificate|BatchGetImage|DescribeSubnets|DescribeRouteTables";
    let url = way(&site.aws.url, denied, Fault::Denied).await;
    let arguments = ["up", "--env", "staging", "--yes", "--no-probe"];
    let run = site.run_by(&url, &arguments).await;
    for (subject, action) in [
        ("certificate", "acm:DescribeCertificate"),
        ("image", "ecr:BatchGetImage"),
        ("network", "ec2:DescribeSubnets"),
        ("ways out of the network", "ec2:DescribeRouteTables"),
    ] {
        let words = format!("not looked at: {subject}: the deploying role lacks {action}");
        assert!(run.stderr.contains(&words), "{words}: {run}");
    }
    assert_eq!(run.code, 0, "{run}");
}
