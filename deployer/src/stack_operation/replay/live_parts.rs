//! What `check` reads of AWS only where the role allows it: what scales a service, the web ACL of a
//! load balancer, security groups, and distributions.

use aws_sdk_applicationautoscaling::Client as Scaling;
use aws_sdk_ecs::Client as Services;
use aws_sdk_elasticloadbalancingv2::Client as Balancers;
use aws_sdk_wafv2::Client as Firewalls;
use aws_smithy_mocks::{Rule, mock};
use serde_json::{Value, json};
use timeouts::{Reading, Setting};

use super::Answers;
use super::wire::{SERVICE, definition, deployment, service};
use crate::aws::{Signed, read_balancer, read_service};
use crate::reading::{Flags, read_live};

const DENIED: &str = r#"{"__type":"AccessDeniedException","message":"not allowed"}"#;
const BALANCER: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/front/1";

fn scalable(answer: (u16, &str)) -> Rule {
    let rule = mock!(Scaling::describe_scalable_targets).sequence();
    rule.http_status(answer.0, Some(answer.1.to_owned()))
        .build()
}

/// What is read of a service with one task, with this answer about what scales it.
async fn scaled(answer: (u16, &str)) -> Reading {
    service_among(answer, None).await
}

/// The same, among these security groups.
async fn service_among(answer: (u16, &str), signed: Option<Signed>) -> Reading {
    let one = service(&[deployment("PRIMARY", 1, "COMPLETED", (1, 1), "")]);
    let mut one: Value = serde_json::from_str(&one.expect("an answer")).expect("JSON");
    one["services"][0]["desiredCount"] = json!(1);
    one["services"][0]["networkConfiguration"] =
        json!({ "awsvpcConfiguration": { "subnets": [], "securityGroups": ["sg-1"] } });
    one["services"][0]["schedulingStrategy"] = json!("REPLICA");
    let services = mock!(Services::describe_services)
        .sequence()
        .http_status(200, Some(one.to_string()))
        .build();
    let tasks = mock!(Services::list_tasks)
        .sequence()
        .http_status(200, Some(r#"{"taskArns":[]}"#.to_owned()))
        .build();
    let family = format!(
        r#"{{"taskDefinition":{{"taskDefinitionArn":"{}"}}}}"#,
        definition(1)
    );
    let definitions = mock!(Services::describe_task_definition)
        .sequence()
        .http_status(200, Some(family))
        .build();
    let scaling = scalable(answer);
    let answers = Answers {
        services: vec![&services, &tasks, &definitions],
        scaling: vec![&scaling],
        signed,
        ..Answers::default()
    };
    let model = read_service(&answers.clients(), "acme-drops-prod", SERVICE).await;
    only(read_live(&model.expect("a service"), &Flags::default()))
}

fn only(readings: Result<crate::reading::Readings, impl std::fmt::Debug>) -> Reading {
    let mut readings = readings.expect("something to check").readings;
    assert_eq!(readings.len(), 1);
    readings.remove(0)
}

#[tokio::test]
async fn the_bounds_of_a_scaled_service_are_read() {
    let target = r#"{"ScalableTargets":[{"ServiceNamespace":"ecs","ResourceId":
        "service/acme-drops-prod/drops-Service","ScalableDimension":"ecs:service:DesiredCount",
        "MinCapacity":2,"MaxCapacity":9,"RoleARN":"arn:aws:iam::111122223333:role/scaling",
        "CreationTime":1767322245,"ScalableTargetARN":
        "arn:aws:application-autoscaling:eu-west-1:111122223333:scalable-target/1"}]}"#;
    let reading = scaled((200, target)).await;
    let count = |setting| reading.count(setting).map(|seen| seen.value);
    assert_eq!(count(Setting::TasksMin), Ok(2));
    assert_eq!(count(Setting::TasksMax), Ok(9));
}

#[tokio::test]
async fn a_service_that_nothing_scales_has_its_desired_count() {
    let reading = scaled((200, r#"{"ScalableTargets":[]}"#)).await;
    let most = reading.count(Setting::TasksMax).map(|seen| seen.value);
    assert_eq!(most, Ok(1));
}

#[tokio::test]
async fn bounds_that_the_role_may_not_read_are_named() {
    let reading = scaled((400, DENIED)).await;
    let why = "the role may not call application-autoscaling:DescribeScalableTargets";
    assert!(reading.count(Setting::TasksMax).is_err());
    assert_eq!(reading.why_not_seen(Setting::TasksMax), Some(why));
    assert_eq!(reading.why_not_seen(Setting::TasksMin), Some(why));
}

fn xml(call: &str, result: &str) -> Option<String> {
    Some(format!(
        "<{call}Response xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
         <{call}Result>{result}</{call}Result></{call}Response>"
    ))
}

/// What is read of a load balancer alone, with this answer about its web ACL.
async fn protected(answer: (u16, &str)) -> Reading {
    balancer_behind(answer, None).await
}

/// The same, behind these distributions.
async fn balancer_behind(answer: (u16, &str), signed: Option<Signed>) -> Reading {
    let found = format!(
        "<LoadBalancers><member><LoadBalancerArn>{BALANCER}</LoadBalancerArn>\
         <LoadBalancerName>front</LoadBalancerName><Type>application</Type>\
         <DNSName>front-1.eu-west-1.elb.amazonaws.com</DNSName></member></LoadBalancers>"
    );
    let balancers = mock!(Balancers::describe_load_balancers)
        .sequence()
        .http_status(200, xml("DescribeLoadBalancers", &found))
        .times(2)
        .build();
    let attributes = mock!(Balancers::describe_load_balancer_attributes)
        .sequence()
        .http_status(200, xml("DescribeLoadBalancerAttributes", "<Attributes/>"))
        .build();
    let listeners = mock!(Balancers::describe_listeners)
        .sequence()
        .http_status(200, xml("DescribeListeners", "<Listeners/>"))
        .build();
    let groups = mock!(Balancers::describe_target_groups)
        .sequence()
        .http_status(200, xml("DescribeTargetGroups", "<TargetGroups/>"))
        .build();
    let acl = mock!(Firewalls::get_web_acl_for_resource)
        .sequence()
        .http_status(answer.0, Some(answer.1.to_owned()))
        .build();
    let answers = Answers {
        balancers: vec![&balancers, &attributes, &listeners, &groups],
        firewalls: vec![&acl],
        signed,
        ..Answers::default()
    };
    let model = read_balancer(&answers.clients(), BALANCER).await;
    only(read_live(
        &model.expect("a load balancer"),
        &Flags::default(),
    ))
}

fn acl(group: &str) -> String {
    acl_with(&format!(
        r#""OverrideAction":{{"None":{{}}}},"Statement":{{"ManagedRuleGroupStatement":{group}}}"#
    ))
}

fn acl_with(rule: &str) -> String {
    let seen =
        r#"{"SampledRequestsEnabled":true,"CloudWatchMetricsEnabled":true,"MetricName":"m"}"#;
    format!(
        r#"{{"WebACL":{{"Name":"w","Id":"1","ARN":"arn:aws:wafv2:eu-west-1:1:regional/webacl/w/1",
        "DefaultAction":{{"Allow":{{}}}},"VisibilityConfig":{seen},"Rules":[{{"Name":"r",
        "Priority":0,"VisibilityConfig":{seen},{rule}}}]}}}}"#
    )
}

#[tokio::test]
async fn the_web_acl_of_a_balancer_is_read() {
    let refused = |reading: &Reading| {
        let rules = reading.list(Setting::WafRules);
        rules.map(|seen| seen.value.join(" "))
    };
    let common = acl(
        r#"{"VendorName":"AWS","Name":"AWSManagedRulesCommonRuleSet",
        "RuleActionOverrides":[{"Name":"NoUserAgent_HEADER","ActionToUse":{"Count":{}}}]}"#,
    );
    let reading = protected((200, &common)).await;
    assert_eq!(refused(&reading), Ok("SizeRestrictions_BODY".to_owned()));
    for action in ["Challenge", "Captcha"] {
        let reading = protected((200, &common.replace("Count", action))).await;
        let both = "NoUserAgent_HEADER SizeRestrictions_BODY";
        assert_eq!(refused(&reading), Ok(both.to_owned()), "{action}");
        let own = acl_with(&format!(
            r#""Action":{{"{action}":{{}}}},
            "Statement":{{"RateBasedStatement":{{"Limit":100,"AggregateKeyType":"IP"}}}}"#
        ));
        let reading = protected((200, &own)).await;
        assert_eq!(refused(&reading), Ok("r".to_owned()), "{action}");
        let path = |start: &str| {
            let bytes = r#"{"FieldToMatch":{"UriPath":{}},"PositionalConstraint":"STARTS_WITH",
            "TextTransformations":[],"SearchString":"PATH"}"#;
            let statement = format!(r#"{{"ByteMatchStatement":{bytes}}}"#);
            acl_with(&format!(
                r#""Action":{{"{action}":{{}}}},"Statement":{statement}"#
            ))
            .replace("PATH", start)
        };
        // `/` and `/admin`.
        let reading = protected((200, &path("Lw=="))).await;
        assert_eq!(refused(&reading), Ok("r".to_owned()), "{action}");
        let reading = protected((200, &path("L2FkbWlu"))).await;
        let why = "a rule that challenges may spare the Socket.IO path";
        assert_eq!(reading.why_not_seen(Setting::WafRules), Some(why));
    }
    let gone = r#"{"__type":"WAFNonexistentItemException","message":"no web ACL"}"#;
    for none in [(200, "{}"), (400, gone)] {
        let reading = protected(none).await;
        assert_eq!(reading.is_unset(Setting::WafRules), Ok(true));
    }
    let reading = protected((400, DENIED)).await;
    let why = "the role may not call wafv2:GetWebACLForResource and wafv2:GetWebACL";
    assert_eq!(reading.why_not_seen(Setting::WafRules), Some(why));
}

/// A page of distributions, of which one has this origin.
fn distributions(origin: &str) -> String {
    format!(
        "<DistributionList><IsTruncated>false</IsTruncated><Items><DistributionSummary><Id>E1</Id>\
         <ARN>arn:aws:cloudfront::1:distribution/E1</ARN><Origins><Items><Origin><DomainName>{origin}\
         </DomainName><CustomOriginConfig><OriginReadTimeout>45</OriginReadTimeout>\
         </CustomOriginConfig></Origin></Items></Origins><Enabled>true</Enabled>\
         <WebACLId></WebACLId></DistributionSummary></Items></DistributionList>"
    )
}

#[tokio::test]
async fn the_distribution_before_a_balancer_is_read() {
    let behind = |status: u16, text: String| {
        let signed = Signed::answering_with(move |path, _| {
            assert_eq!(path, "/2020-05-31/distribution");
            (status, text.clone())
        });
        balancer_behind((200, "{}"), Some(signed))
    };
    let timeout = Setting::CloudFrontTimeout;
    let found = behind(200, distributions("front-1.eu-west-1.elb.amazonaws.com")).await;
    let seconds = found.duration(timeout).map(|seen| seen.value.as_secs());
    assert_eq!(seconds, Ok(45));
    let other = behind(200, distributions("other-1.eu-west-1.elb.amazonaws.com")).await;
    assert_eq!(other.is_unset(timeout), Ok(true));
    let perhaps = behind(200, distributions("origin.example.com")).await;
    let why = perhaps.why_not_seen(timeout).expect("it is not seen");
    assert!(why.contains("another name"), "{why}");
    let refused = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
    let denied = behind(403, refused.to_owned()).await;
    let why = "the role may not call cloudfront:ListDistributions";
    assert_eq!(denied.why_not_seen(timeout), Some(why));
    // A distribution has a web ACL of its own.
    assert_eq!(denied.why_not_seen(Setting::WafRules), Some(why));
}

#[tokio::test]
async fn security_groups_that_the_role_may_not_read_are_named() {
    let signed = Signed::answering_with(|_, body| {
        assert!(body.contains("Filter.1.Value.1=sg-1"), "{body}");
        let code = "<Error><Code>UnauthorizedOperation</Code></Error>";
        (403, format!("<Response><Errors>{code}</Errors></Response>"))
    });
    let none = (200, r#"{"ScalableTargets":[]}"#);
    let reading = service_among(none, Some(signed)).await;
    assert_eq!(
        reading.why_not_seen(Setting::BalancerToTask),
        Some("the role may not call ec2:DescribeSecurityGroups")
    );
}
