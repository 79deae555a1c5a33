//! How long `check` takes for a template of 500 resources and for a plan of 5 MB: to read, render
//! and check it, and to write the report. Beside it what cfn-lint needs for the same file, start-up
//! included. Prints, and judges nothing.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark reports to whoever runs it"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cloudformation::template::{Inputs, Template};
use deployer::reading::{Flags, read, read_terraform};
use deployer::report::Report;
use serde_json::{Value, json};

const RESOURCES: usize = 500;
const SERVICES: usize = 60;
/// One of the services; `#` is its number.
const SERVICE: &str = "
  Lb#:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: { Subnets: [subnet-a, subnet-b], SecurityGroups: [!Ref LbGroup#] }
  Tg#:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: { Port: 3000, Protocol: HTTP, TargetType: ip, VpcId: vpc-1 }
  Front#:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Lb#
      Port: 443
      Protocol: HTTPS
      DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Tg# }]
  LbGroup#:
    Type: AWS::EC2::SecurityGroup
    Properties: { GroupDescription: balancer }
  TaskGroup#:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: tasks
      SecurityGroupIngress:
        - { IpProtocol: tcp, FromPort: 3000, ToPort: 3000, SourceSecurityGroupId: !Ref LbGroup# }
  Task#:
    Type: AWS::ECS::TaskDefinition
    Properties:
      NetworkMode: awsvpc
      ContainerDefinitions:
        - Name: app
          Image: app:1
          PortMappings: [{ ContainerPort: 3000 }]
          Environment: [{ Name: STORE, Value: !Sub 'redis://${Lb#.DNSName}' }]
  Service#:
    Type: AWS::ECS::Service
    DependsOn: Front#
    Properties:
      TaskDefinition: !Ref Task#
      LaunchType: FARGATE
      LoadBalancers: [{ TargetGroupArn: !Ref Tg#, ContainerName: app, ContainerPort: 3000 }]
      NetworkConfiguration:
        AwsvpcConfiguration: { Subnets: [subnet-a, subnet-b], SecurityGroups: [!Ref TaskGroup#] }
  Scaling#:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties:
      ServiceNamespace: ecs
      ScalableDimension: ecs:service:DesiredCount
      ResourceId: !Sub 'service/main/${Service#.Name}'
      MinCapacity: 1
      MaxCapacity: 4
";
const RUNS: usize = 21;

fn main() {
    let text = template();
    let check = || {
        let template = Template::parse("bench.yaml", text.as_str()).expect("it is right");
        let rendered = template.render(&Inputs::default()).expect("it renders");
        assert_eq!(rendered.resources.len(), RESOURCES);
        let report = Report::new(
            read(&rendered, &Flags::default()).expect("it has a service"),
            &[],
        );
        report.text(false).len()
    };
    let ours = median(check);
    println!(
        "check: {ours:?} for {RESOURCES} resources, {} KiB (median of {RUNS} runs, in process)",
        text.len() / 1024
    );
    let plan = plan();
    let checked = || {
        let plan = deployer::terraform::parse("plan.json", &plan, Path::new("no-folder"));
        let plan = plan.expect("it is a plan");
        let readings = read_terraform(&plan, &Flags::default()).expect("it has a service");
        Report::new(readings, &[]).text(false).len()
    };
    println!(
        "check --terraform: {:?} for {} KiB (median of {RUNS} runs, in process)",
        median(checked),
        plan.len() / 1024
    );
    match lint(&text) {
        Some(lint) => println!(
            "cfn-lint: {lint:?}, {:.0} times as long",
            lint.as_secs_f64() / ours.as_secs_f64()
        ),
        None => println!("cfn-lint: not installed (`make tools`)"),
    }
}

fn median(run: impl Fn() -> usize) -> Duration {
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            assert!(std::hint::black_box(run()) > 0);
            start.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

/// A plan of 5 MB: services in modules of their own, among many other resources.
fn plan() -> String {
    let words = "a value that fills the plan as those of real resources do ".repeat(8);
    let mut root = Vec::new();
    for number in 0..9_000 {
        let values = json!({ "name": format!("queue-{number}"), "policy": words });
        let address = format!("aws_sqs_queue.q{number}");
        root.push(
            json!({ "address": address, "mode": "managed", "type": "aws_sqs_queue",
            "name": format!("q{number}"), "values": values }),
        );
    }
    let refers = |to: &str| json!({ "references": [format!("{to}.arn"), to] });
    let resources: [(&str, Value, Value, Value); 6] = [
        (
            "aws_lb",
            json!({ "idle_timeout": 60 }),
            json!({}),
            json!({}),
        ),
        (
            "aws_lb_target_group",
            json!({ "protocol": "HTTP", "target_type": "ip" }),
            json!({ "stickiness": true }),
            json!({}),
        ),
        (
            "aws_lb_listener",
            json!({ "protocol": "HTTPS", "default_action": [{ "type": "forward" }] }),
            json!({ "load_balancer_arn": true, "default_action": [{ "target_group_arn": true }] }),
            json!({ "load_balancer_arn": refers("aws_lb.this"), "default_action": [{
                "target_group_arn": refers("aws_lb_target_group.this") }] }),
        ),
        (
            "aws_ecs_service",
            json!({ "name": "chat", "load_balancer": [{ "container_name": "app",
                "container_port": 3000 }] }),
            json!({ "task_definition": true, "load_balancer": [{ "target_group_arn": true }] }),
            json!({ "task_definition": refers("aws_ecs_task_definition.this"), "load_balancer": [{
                "target_group_arn": refers("aws_lb_target_group.this") }] }),
        ),
        (
            "aws_ecs_task_definition",
            json!({ "container_definitions": "[{\"name\":\"app\",\"image\":\"app:1\",\
                \"portMappings\":[{\"containerPort\":3000}]}]" }),
            json!({ "arn": true }),
            json!({}),
        ),
        (
            "aws_appautoscaling_target",
            json!({ "min_capacity": 1, "max_capacity": 4, "service_namespace": "ecs" }),
            json!({ "resource_id": true }),
            json!({ "resource_id": refers("aws_ecs_service.this") }),
        ),
    ];
    let (mut modules, mut changes, mut calls) = (Vec::new(), Vec::new(), serde_json::Map::new());
    for number in 0..SERVICES {
        let module = format!("module.service{number}");
        let own = |kind: &str| format!("{module}.{kind}.this");
        let values = resources.iter().map(|(kind, values, ..)| {
            json!({ "address": own(kind), "mode": "managed", "type": kind, "name": "this",
                "values": values })
        });
        modules.push(json!({ "address": module, "resources": values.collect::<Vec<_>>() }));
        changes.extend(resources.iter().map(|(kind, _, unknown, _)| {
            json!({ "address": own(kind), "change": { "after_unknown": unknown } })
        }));
        let written = resources.iter().map(|(kind, _, _, expressions)| {
            json!({ "address": format!("{kind}.this"), "expressions": expressions })
        });
        let written = json!({ "resources": written.collect::<Vec<_>>() });
        calls.insert(format!("service{number}"), json!({ "module": written }));
    }
    let plan = json!({
        "format_version": "1.2",
        "planned_values": { "root_module": { "resources": root, "child_modules": modules } },
        "resource_changes": changes,
        "configuration": { "root_module": { "module_calls": calls } },
    });
    plan.to_string()
}

/// A template of services, each with a load balancer of its own, and of queues.
fn template() -> String {
    let service = SERVICE.trim_start_matches('\n');
    let mut text = "Resources:\n".to_owned();
    for number in 0..SERVICES {
        text.push_str(&service.replace('#', &number.to_string()));
    }
    let has = text.matches("\n    Type: AWS::").count();
    for number in has..RESOURCES {
        write!(
            text,
            "  Queue{number}:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Sub \
             '${{AWS::StackName}}-{number}'\n      VisibilityTimeout: 30\n      Tags: [{{ Key: \
             cluster, Value: !Ref Lb0 }}]\n"
        )
        .expect("memory is there");
    }
    text
}

/// How long cfn-lint takes, where it is installed.
fn lint(text: &str) -> Option<Duration> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-check.yaml");
    std::fs::write(&path, text).expect("it can be written");
    let start = Instant::now();
    let output = Command::new(project.join(".cache/cfn/bin/cfn-lint"))
        .arg("--")
        .arg(path)
        .output()
        .ok()?;
    assert!(
        !output.stdout.is_empty() || output.status.success(),
        "it looked at the template"
    );
    Some(start.elapsed())
}
