//! Templates that are too long for the call: through a bucket, to CloudFormation and back.

use http::Method;

use super::{Site, in_order};
use crate::Run;
use crate::check_live::Emulator;

const BUCKET: &str = "artifacts: { bucket: acme-deployments }";

/// Calls the emulator's S3.
async fn s3(aws: &Emulator, method: Method, path: &str) -> String {
    let mut headers = http::HeaderMap::new();
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/s3/aws4_request, \
                 SignedHeaders=host, Signature=none";
    headers.insert("authorization", scope.parse().expect("a header"));
    let address = aws.url.parse().expect("an address");
    let region = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>\
                  </CreateBucketConfiguration>";
    let body = match method {
        Method::PUT => bytes::Bytes::from_static(region.as_bytes()),
        _ => bytes::Bytes::new(),
    };
    let what = (method, path);
    let reply = socketio_client::request(&address, what, &headers, body, super::PATIENCE);
    let reply = reply.await.expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text()
}

/// Resources without an effect that make the template longer than the call takes.
fn long() -> String {
    let topic = |n: usize| {
        let why = "w".repeat(900);
        format!(
            "  Topic{n}:\n    Type: AWS::SNS::Topic\n    Metadata: {{ why: {why} }}\n    Properties: \
             {{ TopicName: !Sub \"${{Prefix}}-{n}\" }}\n"
        )
    };
    (0..20).map(topic).collect()
}

fn refused(run: &Run, words: &str) {
    assert_ne!(run.code, 0, "{run}");
    let said = [&*run.stdout, &*run.stderr].concat();
    assert!(said.contains(words), "{words}: {run}");
}

#[tokio::test]
async fn a_long_template_goes_through_its_bucket_and_back() {
    let site = Site::new("artifacts", "");
    site.template(&long());
    let without = site.up(&[]).await;
    refused(&without, "name a bucket for it in the environment file");
    assert!(site.stack().await.is_none());

    site.environment(BUCKET);
    let missing = site.run(&["plan", "--env", "staging"]).await;
    refused(&missing, "there is no bucket acme-deployments");

    s3(&site.aws, Method::PUT, "/acme-deployments").await;
    let first = ["--image", "example.com/drops:1.4.2"];
    let up = site.up(&first).await;
    assert_eq!(up.code, 0, "{up}");
    let objects = s3(&site.aws, Method::GET, "/acme-deployments?list-type=2").await;
    let key = "<Key>acme-drops-staging/";
    assert_eq!(objects.matches(key).count(), 1, "{objects}");
    let plan = ["plan", "--env", "staging", "--exit-code"];
    let plan = site.run(&[&plan[..], &first].concat()).await;
    assert_eq!(plan.code, 0, "{plan}");

    // The way back is in the template, which has room for it now.
    let second = site.up(&["--image", "example.com/drops:1.5.0"]).await;
    assert_eq!(second.code, 0, "{second}");
    assert!(!second.stderr.contains("will not be possible"), "{second}");
    let back = ["rollback", "--env", "staging", "--yes", "--no-probe"];
    let back = site.run(&back).await;
    assert_eq!(back.code, 0, "{back}");
    let status = site.run(&["status", "--env", "staging"]).await;
    let told = [
        "image       example.com/drops:1.4.2",
        "undone      example.com/drops:1.5.0",
    ];
    assert!(in_order(&status.stdout, &told), "{status}");

    let down = site.run(&["down", "--env", "staging", "--yes"]).await;
    assert_eq!(down.code, 0, "{down}");
    assert!(site.stack().await.is_none());
}

#[tokio::test]
async fn a_bucket_that_may_not_be_written_is_told_with_the_permission() {
    let site = Site::new("artifacts-denied", BUCKET);
    site.template(&long());
    s3(&site.aws, Method::PUT, "/acme-deployments").await;
    let way = super::fault_proxy::way(&site.aws.url, "PUT", super::fault_proxy::Fault::Denied);
    let run = site.run_by(&way.await, &["plan", "--env", "staging"]).await;
    refused(
        &run,
        "the role lacks s3:PutObject on acme-deployments/acme-drops-staging/",
    );
}

#[tokio::test]
async fn a_short_template_needs_no_bucket() {
    let site = Site::new("artifacts-short", BUCKET);
    s3(&site.aws, Method::PUT, "/acme-deployments").await;
    assert_eq!(site.up(&[]).await.code, 0);
    let objects = s3(&site.aws, Method::GET, "/acme-deployments?list-type=2").await;
    assert!(!objects.contains("<Key>"), "{objects}");
}
