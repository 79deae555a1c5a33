//! From a rendered template to what runs here: the balancer's configuration and the service's
//! tasks.

use std::time::Duration;

use alb_model::{Action, Algorithm, Condition, XForwardedFor};
use cloudformation::diagnostic::Mistakes;
use cloudformation::template::{Inputs, Template};
use deployer::environment::{find, load, parse};
use deployer::local::setup::{Setup, Store};
use deployer::render::{render, service_template};

use crate::project;

fn ours(environment: &str) -> Setup {
    let path = find(environment, &project().join("environments")).unwrap();
    let rendered = render(
        &service_template().unwrap(),
        environment,
        &load(&path, |_| {}).unwrap(),
    )
    .unwrap();
    Setup::read(&rendered).unwrap()
}

#[test]
fn our_template_for_production_is_what_it_says() {
    let mut setup = ours("prod");
    let (balancer, task) = (&setup.balancer, &setup.task);
    assert_eq!(balancer.idle_timeout, Duration::from_secs(310));
    assert_eq!(balancer.client_keep_alive, Duration::from_secs(3600));
    assert!(balancer.drop_invalid_header_fields);
    assert_eq!(balancer.x_forwarded_for, XForwardedFor::Append);
    assert_eq!((&setup.ports[..], setup.main), (&[80, 443][..], 1));
    let group = &balancer.groups[0];
    assert_eq!(
        (group.stickiness, group.deregistration_delay),
        (Some(Duration::from_secs(3600)), Duration::from_secs(30))
    );
    let check = &group.health_check;
    assert_eq!(
        (&*check.path, check.interval, check.timeout),
        (
            "/healthcheck",
            Duration::from_secs(15),
            Duration::from_secs(5)
        )
    );
    assert_eq!(
        (check.healthy, check.unhealthy, &check.matcher[..]),
        (2, 3, &[(200, 200)][..])
    );
    assert_eq!(
        (task.count, &task.store, task.stop_timeout),
        (2, &Store::Redis, Duration::from_secs(60))
    );
    let variable = |name: &str| {
        task.environment
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(
        (variable("PING_INTERVAL"), variable("IDLE_TIMEOUT")),
        (Some("60s"), Some("310s"))
    );
    // Addresses and secrets are a machine's own.
    assert_eq!((variable("BIND"), variable("S2S_KEYS")), (None, None));

    setup.relocate(&[8080, 8443]);
    let Action::Redirect(redirect) = &setup.balancer.listeners[0].default else {
        panic!("{setup:?}")
    };
    assert_eq!((&*redirect.protocol, &*redirect.port), ("HTTP", "8443"));
}

#[test]
fn our_local_environment_needs_nothing_else() {
    let setup = ours("local");
    assert_eq!((&setup.ports[..], setup.main), (&[80][..], 0));
    assert_eq!(
        (setup.task.count, setup.task.store),
        (1, Store::Own("memory".into()))
    );
}

#[test]
fn our_cluster_of_this_machine_shares_a_redis() {
    let task = ours("local-cluster").task;
    assert_eq!((task.count, task.store), (3, Store::Redis));
    assert_eq!(
        (task.maximum_percent, task.minimum_healthy_percent),
        (200, 100)
    );
}

#[test]
fn as_many_shards_run_here_as_the_template_has() {
    let path = project().join("environments/shards.yaml");
    let store = |store: &str| {
        let text = format!("extends: local-cluster\nstore: {store}\n");
        let environment = parse(&path, &text).unwrap();
        let rendered = render(&service_template().unwrap(), "shards", &environment);
        Setup::read(&rendered.unwrap()).unwrap().task.store
    };
    for (stated, expected) in [
        ("{ redis: { shards: 4 } }", Store::Cluster(4)),
        ("{ redis: { shards: 1 } }", Store::Redis),
        // Of a cluster elsewhere nobody knows how many it has.
        ("{ url: 'rediss+cluster://cache' }", Store::Cluster(3)),
        ("{ url: 'redis+sentinel://a,b/main' }", Store::Redis),
    ] {
        assert_eq!(store(stated), expected, "{stated}");
    }
}

/// A template of somebody else's: what is written in other ways, and what is only a default.
const FOREIGN: &str = r#"
Resources:
  LB: { Type: "AWS::ElasticLoadBalancingV2::LoadBalancer", Properties: { Subnets: [a, b] } }
  Blue:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      Matcher: { HttpCode: "200,204-299" }
      TargetGroupAttributes:
        - { Key: stickiness.enabled, Value: "true" }
        - { Key: load_balancing.algorithm.type, Value: least_outstanding_requests }
  Green: { Type: "AWS::ElasticLoadBalancingV2::TargetGroup" }
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref LB
      Port: 8000
      Protocol: HTTP
      DefaultActions:
        - Type: forward
          ForwardConfig:
            TargetGroups: [{ TargetGroupArn: !Ref Blue, Weight: 3 }, { TargetGroupArn: !Ref Green, Weight: 1 }]
            TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 }
  Rule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref Listener
      Priority: 7
      Conditions:
        - { Field: path-pattern, Values: [/old/*] }
        - { Field: source-ip, SourceIpConfig: { Values: [10.0.0.0/8] } }
      Actions: [{ Type: redirect, RedirectConfig: { StatusCode: HTTP_302, Path: "/new" } }]
  Tasks:
    Type: AWS::ECS::TaskDefinition
    Properties: { ContainerDefinitions: [{ Name: app, Environment: [{ Name: A, Value: b }] }] }
  Service:
    Type: AWS::ECS::Service
    Properties:
      TaskDefinition: !Ref Tasks
      LoadBalancers: [{ ContainerName: app, ContainerPort: 80, TargetGroupArn: !Ref Blue }]
"#;

fn foreign(text: &str) -> Result<Setup, Mistakes> {
    let rendered = Template::parse("foreign.yaml", text)
        .unwrap()
        .render(&Inputs::default())
        .unwrap();
    Setup::read(&rendered)
}

#[test]
fn a_foreign_template_is_read_with_awss_defaults() {
    let setup = foreign(FOREIGN).unwrap();
    assert_eq!(
        (setup.balancer.idle_timeout, &setup.ports[..]),
        (Duration::from_secs(60), &[8000][..])
    );
    let [blue, green] = &setup.balancer.groups[..] else {
        panic!("{setup:?}")
    };
    assert_eq!(
        (blue.stickiness, blue.algorithm),
        (
            Some(Duration::from_secs(86_400)),
            Algorithm::LeastOutstandingRequests
        )
    );
    assert_eq!(blue.health_check.matcher, [(200, 200), (204, 299)]);
    assert_eq!(
        (green.stickiness, green.deregistration_delay),
        (None, Duration::from_secs(300))
    );
    let listener = &setup.balancer.listeners[0];
    let Action::Forward(forward) = &listener.default else {
        panic!("{listener:?}")
    };
    assert_eq!(forward.stickiness, Some(Duration::from_secs(60)));
    assert_eq!(
        forward
            .groups
            .iter()
            .map(|w| (&*w.group, w.weight))
            .collect::<Vec<_>>(),
        [("Blue", 3), ("Green", 1)]
    );
    let rule = &listener.rules[0];
    assert_eq!(rule.priority, 7);
    assert!(
        matches!(&rule.conditions[..], [Condition::Path(paths), Condition::SourceIp(_)] if paths == &["/old/*"])
    );
    let Action::Redirect(redirect) = &rule.action else {
        panic!("{rule:?}")
    };
    assert_eq!(
        (redirect.permanent, &*redirect.path, &*redirect.host),
        (false, "/new", "#{host}")
    );
    assert_eq!(
        (setup.task.count, setup.task.stop_timeout),
        (1, Duration::from_secs(30))
    );
}

#[test]
fn what_cannot_run_here_is_named_all_at_once() {
    for (written, instead, expected) in [
        (
            "Matcher: { HttpCode: \"200,204-299\" }",
            "ProtocolVersion: GRPC",
            "protocol version GRPC is not part of the model",
        ),
        ("200,204-299", "fine", "the matcher is not codes"),
        (
            "Key: load_balancing.algorithm.type, Value: least_outstanding_requests",
            "Key: stickiness.type, Value: app_cookie",
            "stickiness of type app_cookie",
        ),
        (
            "Type: redirect",
            "Type: authenticate-oidc",
            "authentication actions are not part",
        ),
        ("10.0.0.0/8", "10.0.0.0/99", "is not a CIDR block"),
        (
            "Field: source-ip",
            "Field: colour",
            "\"colour\" is not one of AWS's fields",
        ),
        (
            "TargetGroupArn: !Ref Blue }]",
            "TargetGroupArn: arn:aws:x }]",
            "the service's target group is not part of this template",
        ),
        (
            "ContainerName: app",
            "ContainerName: other",
            "has no container \"other\"",
        ),
        (
            "Value: b",
            "Value: !GetAtt LB.DNSName",
            "only AWS knows the value of the server's variable A",
        ),
        (
            "Service:\n    Type: AWS::ECS::Service",
            "Service:\n    Type: AWS::ECS::Cluster",
            "0 ECS services",
        ),
    ] {
        assert!(FOREIGN.contains(written), "{written}");
        let mistakes = foreign(&FOREIGN.replacen(written, instead, 1)).expect_err(expected);
        assert!(
            mistakes.iter().any(|m| m.message.contains(expected)),
            "{expected}: {}",
            mistakes.text(false)
        );
    }
    let two = FOREIGN
        .replace("Value: b", "Value: !GetAtt LB.DNSName")
        .replace("10.0.0.0/8", "x");
    assert_eq!(foreign(&two).unwrap_err().iter().count(), 2);
}
