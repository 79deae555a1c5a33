//! Templates that AWS takes are not refused, and what is one service is taken for one: one of a kind
//! each.

use crate::check_kinds::{BASE, IDLE, IDLE_RULES, SERVER, check, with};
use crate::{directory, write};

#[test]
fn flags_are_about_the_only_service_or_the_server_behind_the_group() {
    let idle = (IDLE, "{ Key: idle_timeout.timeout_seconds, Value: \"20\" }");
    let dummy = "Resources:\n  Dummy: { Type: 'AWS::ElasticLoadBalancingV2::TargetGroup', Properties: \
                 { VpcId: v, Port: 80, Protocol: HTTP } }\n";
    let checked = check("dummy", &with(&[idle, ("Resources:\n", dummy)]), &SERVER);
    assert_eq!(
        checked.errors(),
        ["idle-timeout-not-above-ping-interval"],
        "{}",
        checked.run
    );
    assert_eq!(
        checked.document["subjects"].as_array().map(Vec::len),
        Some(1)
    );

    let alone = "Resources:\n  Lb: { Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', Properties: { \
                 Subnets: [a, b], LoadBalancerAttributes: [{ Key: idle_timeout.timeout_seconds, \
                 Value: 20 }] } }\n";
    let checked = check("no-service", alone, &SERVER);
    assert_eq!(
        checked.errors(),
        ["idle-timeout-not-above-ping-interval"],
        "{}",
        checked.run
    );
}

#[test]
fn service_limits_the_rules_to_one() {
    let grpc = "Resources:\n  Api:\n    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties: \
                { VpcId: v, Port: 50051, Protocol: HTTP, ProtocolVersion: GRPC, TargetType: ip }\n  \
                ApiSvc:\n    Type: AWS::ECS::Service\n    DependsOn: Front\n    Properties: { Cluster: c, \
                LaunchType: FARGATE, TaskDefinition: t, LoadBalancers: [{ ContainerName: api, \
                ContainerPort: 50051, TargetGroupArn: !Ref Api }] }\n";
    let template = with(&[("Resources:\n", grpc)]);
    let all = check("grpc", &template, &[]);
    assert!(
        all.errors().contains(&"protocol-version-not-http1"),
        "{}",
        all.run
    );
    let one = check(
        "grpc-limited",
        &template,
        &[&SERVER[..], &["--service", "Svc"]].concat(),
    );
    assert_eq!(one.rules("findings"), [""; 0], "{}", one.run);
}

#[test]
fn a_balancer_alone_and_a_service_alone_show_what_they_have() {
    let balancer = "Resources:\n  Lb:\n    Type: AWS::ElasticLoadBalancingV2::LoadBalancer\n    \
                    Properties:\n      Subnets: [subnet-a]\n      LoadBalancerAttributes:\n        - { \
                    Key: idle_timeout.timeout_second, Value: 60 }\n        - { Key: \
                    idle_timeout.timeout_seconds, Value: 5000 }\n";
    let checked = check("balancer-alone", balancer, &[]);
    assert_eq!(
        checked.errors(),
        [
            "idle-timeout-out-of-range",
            "too-few-zones",
            "unknown-attribute"
        ],
        "{}",
        checked.run
    );
    let service = "Parameters: { Tg: { Type: String } }\nResources:\n  Svc:\n    Type: \
                   AWS::ECS::Service\n    Properties: { Cluster: c, LaunchType: FARGATE, DesiredCount: \
                   1, TaskDefinition: !Ref Task, DeploymentConfiguration: { MaximumPercent: 100, \
                   MinimumHealthyPercent: 100 }, LoadBalancers: [{ ContainerName: web, \
                   ContainerPort: 3000, TargetGroupArn: !Ref Tg }] }\n  Task:\n    Type: \
                   AWS::ECS::TaskDefinition\n    Properties: { Cpu: 256, Memory: 4096, NetworkMode: \
                   awsvpc, ContainerDefinitions: [{ Name: app, Image: i, StopTimeout: 200 }] }\n";
    let checked = check("service-alone", service, &[]);
    assert_eq!(
        checked.errors(),
        [
            "container-port-mismatch",
            "deployment-cannot-progress",
            "fargate-size-unknown",
            "stop-timeout-out-of-range"
        ],
        "{}",
        checked.run
    );
}

#[test]
fn a_parameter_without_a_value_is_named() {
    let template = with(&[
        ("Parameters:\n", "Parameters:\n  Idle: { Type: Number }\n"),
        (
            IDLE,
            "{ Key: idle_timeout.timeout_seconds, Value: !Ref Idle }",
        ),
    ]);
    let checked = check("parameter", &template, &SERVER);
    let reason = checked.reason(IDLE_RULES[0]);
    assert!(
        reason.contains("parameter Idle has no value (--parameter Idle=…)"),
        "{reason}"
    );
}

/// What AWS takes is read.
#[test]
fn what_aws_takes_is_not_refused() {
    let function = "Resources:\n  Fn: { Type: AWS::Serverless::Function, Properties: { Handler: a.b, \
                    Runtime: nodejs22.x, InlineCode: x, Environment: { Variables: { API: !Ref Api } } \
                    } }\n  Api: { Type: AWS::Serverless::Api, Properties: { StageName: v, \
                    DefinitionBody: { x: !GetAtt Fn.Arn } } }\n";
    let sam = (
        "Parameters:\n",
        "Transform: AWS::Serverless-2016-10-31\nParameters:\n",
    );
    for (name, template) in [
        (
            "sam",
            with(&[sam, ("Resources:\n", function)])
                + "Outputs:\n  Url: { Value: !Sub 'https://${ServerlessRestApi}.x' }\n  Role: { \
                   Value: !GetAtt FnRole.Arn }\n",
        ),
        (
            "twice",
            with(&[(
                "Parameters:\n",
                "Parameters:\n  Twice: { Type: String, Description: a, Default: \
                                      b, Description: c }\n",
            )]),
        ),
        (
            "stack-output",
            BASE.to_owned()
                + "Outputs:\n  Net: { Value: { 'Fn::GetStackOutput': { StackName: n, OutputName: V \
                   } } }\n",
        ),
        (
            "sub-reference",
            BASE.replace("TargetGroupArn: !Ref Tg", "TargetGroupArn: !Sub '${Tg}'"),
        ),
    ] {
        let checked = check(&format!("taken-{name}"), &template, &SERVER);
        assert_eq!(checked.run.code, 0, "{name}: {}", checked.run);
        assert_eq!(
            checked.rules("findings"),
            [""; 0],
            "{name}: {}",
            checked.run
        );
        assert_eq!(checked.document["subjects"][0], "Lb → Tg → Svc", "{name}");
    }
}

/// What a template holds never steers a terminal or a log.
#[test]
fn control_characters_are_written_as_escapes() {
    let directory = directory("kinds-escapes");
    let name = (
        "ContainerName: app",
        "ContainerName: \"ev\\e[31mil\\n::error::x\"",
    );
    write(&directory.join("template.yaml"), &with(&[name]));
    for format in ["text", "github"] {
        let args = ["check", "--template", "template.yaml", "--format", format];
        let run = crate::deployer(&directory, &args);
        assert_eq!(run.code, 1, "{run}");
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(
            !text.lines().any(|line| line.starts_with("::error::")),
            "{text}"
        );
        assert!(text.contains("\\u{1b}[31mil"), "{text}");
    }
}

#[test]
fn zones_without_a_region_are_the_stacks_own() {
    let directory = directory("kinds-zones");
    let template = "Resources:\n  V: { Type: 'AWS::EC2::Volume', Properties: { Size: 1, \
                    AvailabilityZone: !Select [0, !GetAZs ] } }\n";
    write(&directory.join("template.yaml"), template);
    let run = crate::deployer(&directory, &["render", "--template", "template.yaml"]);
    assert!(run.stdout.contains("!GetAZs \"\""), "{run}");
}
