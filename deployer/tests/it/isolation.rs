//! The role that deploys one environment has no say over another: no statement of one matches what
//! belongs to the other.

use std::collections::BTreeSet;

use deployer::aws::actions::{Grant, POLICIES};
use regex_lite::Regex;

use super::project;

const START: &str = "arn:aws";
const PLACE: &str = "eu-west-1:111122223333";
/// The end of the names that AWS or CloudFormation finish.
const RANDOM: &str = "1A2B3C4D5E6F";

/// The resources of the service's template: logical id and type.
fn resources() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(project().join("cloudformation/service.yaml"))
        .expect("it is there");
    let resource = Regex::new(r"(?m)^  (\w+):\n    Type: (AWS::\S+)").expect("a pattern");
    let found = resource.captures_iter(&text);
    found.map(|f| (f[1].to_owned(), f[2].to_owned())).collect()
}

/// The ARNs of what a stack has, by the names that the template and CloudFormation give.
fn owned(environment: &str) -> Vec<String> {
    let stack = format!("acme-drops-{environment}");
    let low = RANDOM.to_lowercase();
    let arn = |service: &str, rest: &str| format!("{START}:{service}:{PLACE}:{rest}");
    let elb = |rest: &str| arn("elasticloadbalancing", rest);
    let mut arns = vec![
        arn("cloudformation", &format!("stack/{stack}/{low}")),
        arn("ecs", &format!("task/{stack}/{low}")),
        key(environment),
        format!("{START}:s3:::acme-deployments/{stack}/{low}.template"),
        arn("elasticache", &format!("cluster:{stack}-001")),
        arn("elasticache", &format!("snapshot:{stack}-storegroup-{low}")),
    ];
    for (logical, kind) in resources() {
        let generated = format!("{stack}-{logical}-{RANDOM}");
        arns.push(match kind.as_str() {
            "AWS::CloudWatch::Alarm" => arn("cloudwatch", &format!("alarm:{generated}")),
            "AWS::ECS::Cluster" => arn("ecs", &format!("cluster/{stack}")),
            "AWS::ECS::Service" => arn("ecs", &format!("service/{stack}/{generated}")),
            "AWS::ECS::TaskDefinition" => arn("ecs", &format!("task-definition/{stack}:7")),
            "AWS::ElastiCache::ParameterGroup" => {
                let name = generated.to_lowercase();
                arn("elasticache", &format!("parametergroup:{name}"))
            }
            "AWS::ElastiCache::ReplicationGroup" => {
                arn("elasticache", &format!("replicationgroup:{stack}"))
            }
            "AWS::ElastiCache::SubnetGroup" => {
                let name = generated.to_lowercase();
                arn("elasticache", &format!("subnetgroup:{name}"))
            }
            "AWS::ElastiCache::User" => arn("elasticache", &format!("user:{stack}")),
            "AWS::ElastiCache::UserGroup" => arn("elasticache", &format!("usergroup:{stack}")),
            "AWS::ElasticLoadBalancingV2::Listener" => {
                elb(&format!("listener/app/{stack}-1a2b3c/{low}/{low}"))
            }
            "AWS::ElasticLoadBalancingV2::ListenerRule" => {
                elb(&format!("listener-rule/app/{stack}-1a2b3c/{low}/{low}/{low}"))
            }
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
                elb(&format!("loadbalancer/app/{stack}-1a2b3c/{low}"))
            }
            "AWS::ElasticLoadBalancingV2::TargetGroup" => {
                elb(&format!("targetgroup/{stack}-1a2b3c/{low}"))
            }
            "AWS::IAM::Role" => format!("{START}:iam::111122223333:role/{generated}"),
            // A filter has no ARN of its own.
            "AWS::Logs::LogGroup" | "AWS::Logs::MetricFilter" => {
                arn("logs", &format!("log-group:/acme/drops/{environment}"))
            }
            "AWS::WAFv2::WebACL" => arn("wafv2", &format!("regional/webacl/{stack}/{low}")),
            "AWS::SecretsManager::Secret" => {
                let kind = match logical.as_str() {
                    "BackendKeys" => "backend-keys",
                    _ => "store-user",
                };
                arn("secretsmanager", &format!("secret:{stack}/{kind}-{low}-a1B2c3"))
            }
            // AWS names these, and tells them apart by the stack's tag.
            "AWS::EC2::SecurityGroup"
            | "AWS::EC2::SecurityGroupIngress"
            | "AWS::ApplicationAutoScaling::ScalableTarget"
            | "AWS::ApplicationAutoScaling::ScalingPolicy"
            // A record is in a zone, which environments may share.
            | "AWS::Route53::RecordSet"
            // The web ACL with the load balancer.
            | "AWS::WAFv2::WebACLAssociation" => continue,
            other => panic!("say what the ARN of {other} is, and whose"),
        });
    }
    arns
}

/// Whether a statement is about a resource, as IAM compares them: `*` and `?` stand for anything.
fn is_about(pattern: &str, arn: &str) -> bool {
    let mut expression = String::from("^");
    for c in pattern.chars() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            _ if c.is_alphanumeric() => expression.push(c),
            _ => {
                expression.push('\\');
                expression.push(c);
            }
        }
    }
    expression.push('$');
    Regex::new(&expression).expect("a pattern").is_match(arn)
}

/// The KMS key of an environment.
fn key(environment: &str) -> String {
    format!("{START}:kms:{PLACE}:key/{environment}")
}

fn filled(text: &str, environment: &str) -> String {
    let key = key(environment);
    let values = [
        ("${AWS::Partition}", "aws"),
        ("${AWS::Region}", "eu-west-1"),
        ("${AWS::AccountId}", "111122223333"),
        ("${Prefix}", "acme"),
        ("${Name}", "drops"),
        ("${Environment}", environment),
        ("${KmsKeys}", &key),
        ("${ArtifactsBucket}", "acme-deployments"),
    ];
    let fill = |text: String, (name, value): (&str, &str)| text.replace(name, value);
    values.into_iter().fold(text.to_owned(), fill)
}

fn grants() -> impl Iterator<Item = &'static Grant> {
    POLICIES.iter().flat_map(|(_, grants)| *grants)
}

#[test]
fn no_statement_of_one_environment_is_about_anothers_resources() {
    let names = ["staging", "prod", "prod-eu", "prod2", "eu-prod"];
    for mine in names {
        let others = names.iter().filter(|name| **name != mine);
        let others: Vec<String> = others.flat_map(|name| owned(name)).collect();
        for grant in grants().filter(|grant| grant.on != ["*"]) {
            for pattern in grant.on.iter().map(|on| filled(on, mine)) {
                let theirs = others.iter().find(|arn| is_about(&pattern, arn));
                assert_eq!(theirs, None, "{} of {mine}: {pattern}", grant.sid);
            }
        }
    }
}

#[test]
fn every_resource_of_the_environment_itself_is_covered() {
    for arn in owned("prod") {
        let about = |on: &&str| is_about(&filled(on, "prod"), &arn);
        assert!(
            grants().any(|grant| grant.on != ["*"] && grant.on.iter().any(about)),
            "no statement is about {arn}"
        );
    }
}

/// What AWS names itself is limited by the tag of its stack.
#[test]
fn what_has_no_name_of_ours_is_told_apart_by_its_stack() {
    let sids: BTreeSet<_> = grants()
        .filter(|grant| {
            let whole =
                |on: &&str| on.ends_with("security-group/*") || on.contains("scalable-target");
            grant.on.iter().any(whole)
        })
        .map(|grant| {
            let (operator, key, values) = grant.only_if.expect("a condition");
            assert_eq!(operator, "StringEqualsIfExists");
            assert_eq!(key, "aws:ResourceTag/aws:cloudformation:stack-name");
            assert_eq!(values, ["${Prefix}-${Name}-${Environment}"]);
            grant.sid
        })
        .collect();
    assert_eq!(sids.len(), 2, "{sids:?}");
}
