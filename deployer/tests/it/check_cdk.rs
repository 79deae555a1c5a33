//! An assembly as `cdk synth` of aws-cdk-lib 2 writes it, without roles and logs: a load balancer in
//! one stack and its service in another, and a service in a nested stack.

use crate::{deployer, project};

fn check(service: &str) -> Vec<String> {
    let folder = project().join("deployer/tests/it/templates/cdk-app");
    let folder = folder.to_str().expect("a path");
    let arguments = ["check", "--template", folder, "--server", "socketio-node"];
    let more = ["--store", "redis", "--service", service, "--format", "json"];
    let run = deployer(&project(), &[&arguments[..], &more].concat());
    assert_eq!(run.code, 1, "{run}");
    let document: serde_json::Value = serde_json::from_str(&run.stdout).expect("a document");
    let findings = document["findings"].as_array().expect("a list").iter();
    let word = |finding: &serde_json::Value, key| finding[key].as_str().map(str::to_owned);
    let mut found: Vec<_> = findings
        .filter_map(|one| Some(format!("{} {}", word(one, "level")?, word(one, "rule")?)))
        .collect();
    found.sort();
    found
}

#[test]
fn a_nested_stack_comes_after_what_its_parent_names() {
    assert_eq!(
        check("Hand/Sockets/Service/Service"),
        [
            "error keep-alive-not-above-idle-timeout",
            "warning az-rebalancing-cuts-connections",
            "warning no-deployment-alarm",
        ]
    );
}

#[test]
fn a_load_balancer_in_another_stack_is_in_front() {
    assert_eq!(
        check("Service/Service/Service"),
        [
            "error idle-timeout-not-above-ping-interval",
            "error keep-alive-not-above-idle-timeout",
            "warning az-rebalancing-cuts-connections",
            "warning idle-timeout-below-ping-timeout",
            "warning no-circuit-breaker",
            "warning no-deployment-alarm",
        ]
    );
}

/// A stack that imports is created after the whole of the stack that exports.
#[test]
fn an_importing_stack_comes_after_the_exporting_one() {
    let directory = crate::directory("cdk-order");
    let front = "
Resources:
  Lb: { Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', Properties: { Subnets: [a, b] } }
  Tg:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: { Port: 3000, Protocol: HTTP, TargetType: ip }
  Https:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Lb
      Port: 443
      Protocol: HTTPS
      DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Tg }]
Outputs:
  Tg: { Value: !Ref Tg, Export: { Name: tg } }
";
    let service = |group: &str| {
        format!(
            "
Resources:
  Svc:
    Type: AWS::ECS::Service
    Properties:
      TaskDefinition: app:1
      LoadBalancers: [{{ TargetGroupArn: {group}, ContainerName: app, ContainerPort: 3000 }}]
"
        )
    };
    crate::write(&directory.join("front.yaml"), front);
    let order = "service-not-after-listener";
    let run = |text: &str| {
        crate::write(&directory.join("service.yaml"), text);
        let files = ["--template", "front.yaml", "--template", "service.yaml"];
        deployer(&directory, &[&["check"][..], &files].concat())
    };
    let imported = run(&service("!ImportValue tg"));
    assert!(
        imported
            .stdout
            .contains("front/Lb → front/Tg → service/Svc"),
        "{imported}"
    );
    assert!(!imported.stdout.contains(order), "{imported}");
}
