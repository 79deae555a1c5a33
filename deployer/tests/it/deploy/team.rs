//! What a team has beside template and parameters: tags, a role for CloudFormation, a permissions
//! boundary and topics.

use super::Site;

const TEAM: &str = "tags: { team: drops, cost-centre: \"4711\" }
role_arn: arn:aws:iam::123456789012:role/cloudformation
permissions_boundary: arn:aws:iam::123456789012:policy/boundary
notification_arns: [arn:aws:sns:eu-west-1:123456789012:deployments]";

/// What is expected, as it is told.
const ROLE: &str = "a role's ARN: `arn:aws:iam::123456789012:role/NAME`";
const TOPIC: &str = "a topic's ARN: `arn:aws:sns:eu-west-1:123456789012:NAME`";
const KEY: &str = "a KMS key's ARN: `arn:aws:kms:eu-west-1:123456789012:key/ID`, not an alias";
const SECRET: &str = "a secret's whole ARN: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:";

#[tokio::test]
async fn they_reach_cloudformation_and_stay() {
    let site = Site::new("team", TEAM);
    let deployed = site.up(&[]).await;
    assert_eq!(deployed.code, 0, "{deployed}");
    let stack = site.stack().await.expect("a stack");
    let tags = stack.tags().iter().map(|tag| {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        (text(tag.key()), text(tag.value()))
    });
    let mut tags: Vec<_> = tags.collect();
    tags.sort();
    let expected = [("cost-centre", "4711"), ("team", "drops")];
    assert_eq!(
        tags,
        expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    let boundary = stack
        .parameters()
        .iter()
        .find(|one| one.parameter_key() == Some("PermissionsBoundary"));
    let boundary = boundary.and_then(|one| one.parameter_value());
    assert_eq!(boundary, Some("arn:aws:iam::123456789012:policy/boundary"));
    let again = site.run(&["plan", "--env", "staging", "--exit-code"]).await;
    assert_eq!(again.code, 0, "{again}");

    // Tags are those of the file, and no others.
    site.environment("tags: { team: shop }");
    let planned = site.run(&["plan", "--env", "staging"]).await;
    let words = "the stack gets the tags of the environment file, and no others";
    assert!(planned.stdout.contains(words), "{planned}");
}

#[tokio::test]
async fn mistakes_are_told_with_their_line() {
    let site = Site::new("team-mistakes", "");
    for (line, words) in [
        (
            "tags: { \"aws:team\": drops }",
            "that does not begin with `aws:`",
        ),
        (
            "tags: { \"AWS:team\": drops }",
            "that does not begin with `aws:`",
        ),
        (
            "tags: { \"team!\": drops }",
            "letters, digits, spaces and `_.:/=+-@`",
        ),
        (
            "tags: { team: \"drops & more\" }",
            "letters, digits, spaces and `_.:/=+-@`",
        ),
        ("tags: [drops]", "a mapping of 50 tags at most"),
        ("role_arn: deployer", ROLE),
        ("role_arn: arn:aws:iam::123456789012:policy/boundary", ROLE),
        ("role_arn: arn:aws:sns:eu-west-1:123456789012:role/x", ROLE),
        ("role_arn: arn:aws:iam::1234:role/x", ROLE),
        (
            "permissions_boundary: arn:aws:iam::123456789012:role/deployer",
            "a policy's ARN: `arn:aws:iam::123456789012:policy/NAME`",
        ),
        ("notification_arns: [here]", TOPIC),
        (
            "notification_arns: [arn:aws:sqs:eu-west-1:123456789012:queue]",
            TOPIC,
        ),
        ("account: 4711", "an AWS account, twelve digits"),
        (
            "kms_key: arn:aws:kms:eu-west-1:123456789012:alias/drops",
            "not an alias",
        ),
        ("kms_key: 1234abcd-12ab-34cd-56ef-1234567890ab", KEY),
        (
            "kms_key: arn:aws:kms:us-east-1:123456789012:key/1a2b",
            "the key is in us-east-1, and the stack in eu-west-1",
        ),
        ("service: { registry_credentials: registry-a1B2c3 }", SECRET),
        (
            "service: { registry_credentials: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry' }",
            SECRET,
        ),
        (
            "server: { plugin_token_keys_url: 'https://example.com/jwks' }\nservice: { plugin_token_keys: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:jwks-a1B2c3' }",
            "the token keys have a secret and a URL",
        ),
    ] {
        site.environment(line);
        let refused = site.run(&["plan", "--env", "staging"]).await;
        assert_eq!(refused.code, 2, "{line}: {refused}");
        assert!(refused.stderr.contains(words), "{words}: {refused}");
    }
    site.environment("");
    for arn in ["x", "arn:aws:iam::123456789012:policy/not-a:role/"] {
        let refused = site
            .run(&["plan", "--env", "staging", "--role-arn", arn])
            .await;
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.stderr.contains(ROLE), "{refused}");
    }
}

#[tokio::test]
async fn what_aws_takes_is_taken() {
    let site = Site::new("team-taken", "");
    for line in [
        "tags: { \"Büro 4_.:/=+-@\": \"Café 4_.:/=+-@\", empty: \"\" }",
        "role_arn: arn:aws-cn:iam::123456789012:role/teams/drops/cloudformation",
        "permissions_boundary: arn:aws:iam::aws:policy/PowerUserAccess",
        "notification_arns: [arn:aws-us-gov:sns:us-gov-west-1:123456789012:deployments]",
        "kms_key: arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        "service: { registry_credentials: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:ci/my_registry+=.@-x-a1B2c3' }",
    ] {
        site.environment(line);
        let rendered = site.run(&["render", "--env", "staging"]).await;
        assert_eq!(rendered.code, 0, "{line}: {rendered}");
    }
}

#[tokio::test]
async fn the_role_and_the_topics_are_part_of_the_call() {
    let site = Site::new("team-call", TEAM);
    let (url, calls) = super::fault_proxy::listening(&site.aws.url, "CreateChangeSet").await;
    let other = "arn:aws:iam::123456789012:role/other";
    let planned = site.run_by(&url, &["plan", "--env", "staging"]).await;
    assert_eq!(planned.code, 0, "{planned}");
    let by_flag = ["plan", "--env", "staging", "--role-arn", other];
    assert_eq!(site.run_by(&url, &by_flag).await.code, 0);
    let calls = calls.lock().expect("nobody panics");
    let role = |name: &str| format!("RoleARN=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2F{name}");
    assert!(calls[0].contains(&role("cloudformation")), "{}", calls[0]);
    assert!(calls[0].contains("deployments"), "{}", calls[0]);
    assert!(calls[1].contains(&role("other")), "{}", calls[1]);
}
