//! Systems of several stacks: exports and imports, nested stacks, and what CDK synthesises.

use serde_json::{Value, json};

use crate::{Run, directory, write};

/// A load balancer that exports its target group.
const FRONT: &str = r"
Parameters:
  Idle: { Type: Number, Default: 60 }
Resources:
  Lb:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties:
      Subnets: [subnet-a, subnet-b]
      LoadBalancerAttributes: [{ Key: idle_timeout.timeout_seconds, Value: !Ref Idle }]
  Front:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Lb
      Port: 443
      Protocol: HTTPS
      DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Tg }]
  Tg:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      Port: 3000
      Protocol: HTTP
      TargetType: ip
      TargetGroupAttributes:
        - { Key: stickiness.enabled, Value: true }
        - { Key: stickiness.lb_cookie.duration_seconds, Value: 3600 }
Outputs:
  Group: { Value: !Ref Tg, Export: { Name: front-group } }
";

/// A service in the target group that `GROUP` stands for.
const SERVICE: &str = r"
Resources:
  Svc:
    Type: AWS::ECS::Service
    Properties:
      LaunchType: FARGATE
      AvailabilityZoneRebalancing: DISABLED
      DesiredCount: 2
      TaskDefinition: !Ref Task
      DeploymentConfiguration: { DeploymentCircuitBreaker: { Enable: true, Rollback: true }, Alarms: { Enable: true, AlarmNames: [a] } }
      LoadBalancers: [{ ContainerName: app, ContainerPort: 3000, TargetGroupArn: GROUP }]
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      NetworkMode: awsvpc
      Cpu: 256
      Memory: 512
      ContainerDefinitions: [{ Name: app, Image: app, PortMappings: [{ ContainerPort: 3000 }] }]
";

fn check(directory: &std::path::Path, args: &[&str]) -> (Run, Value) {
    let server = [
        "--server",
        "socketio-node",
        "--keep-alive",
        "65s",
        "--format",
        "json",
    ];
    let run = crate::deployer(directory, &[&["check"], args, &server].concat());
    let document = serde_json::from_str(&run.stdout).unwrap_or(Value::Null);
    (run, document)
}

fn errors(document: &Value) -> Vec<&str> {
    let findings = document["findings"].as_array().map(Vec::as_slice);
    let findings = findings.unwrap_or_default().iter();
    let errors = findings.filter(|finding| finding["level"] == "error");
    errors
        .filter_map(|finding| finding["rule"].as_str())
        .collect()
}

#[test]
fn what_one_template_imports_another_exports() {
    let directory = directory("whole-imports");
    write(&directory.join("front.yaml"), FRONT);
    let service = SERVICE.replace("GROUP", "!ImportValue front-group");
    write(&directory.join("service.yaml"), &service);
    let both = ["--template", "front.yaml", "--template", "service.yaml"];
    let (run, document) = check(&directory, &both);
    assert_eq!(
        document["subjects"],
        json!(["front/Lb → front/Tg → service/Svc"]),
        "{run}"
    );
    // What imports is created after the stack that exports, its listener too.
    assert_eq!(errors(&document), [""; 0], "{run}");
    let idle = [&both[..], &["--parameter", "Idle=26"]].concat();
    let (run, document) = check(&directory, &idle);
    let expected = ["idle-timeout-not-above-ping-interval"];
    assert_eq!(errors(&document), expected, "{run}");
    let unknown = [&both[..], &["--parameter", "Idel=26"]].concat();
    assert_eq!(check(&directory, &unknown).0.code, 2);
}

#[test]
fn nested_stacks_are_followed() {
    let directory = directory("whole-nested");
    write(&directory.join("front.yaml"), FRONT);
    let service = SERVICE.replace("GROUP", "!Sub '${Group}'");
    let service = format!("Parameters:\n  Group: {{ Type: String }}\n{service}");
    write(&directory.join("nested/service.yaml"), &service);
    let root = r"
Resources:
  FrontStack:
    Type: AWS::CloudFormation::Stack
    Properties: { TemplateURL: front.yaml, Parameters: { Idle: 26 } }
  ServiceStack:
    Type: AWS::CloudFormation::Stack
    DependsOn: FrontStack
    Properties:
      TemplateURL: nested/service.yaml
      Parameters: { Group: !GetAtt FrontStack.Outputs.Group }
";
    write(&directory.join("root.yaml"), root);
    let (run, document) = check(&directory, &["--template", "root.yaml"]);
    assert_eq!(
        document["subjects"],
        json!(["FrontStack/Lb → FrontStack/Tg → ServiceStack/Svc"]),
        "{run}"
    );
    assert!(
        errors(&document).contains(&"idle-timeout-not-above-ping-interval"),
        "{run}"
    );
}

/// Two stacks, one of them in a stage, with the paths of CDK's constructs.
#[test]
fn all_stacks_of_an_assembly_are_read() {
    let directory = directory("whole-cdk");
    let out = directory.join("cdk.out");
    let stack = |file: &str, name: &str| {
        json!({ "type": "aws:cloudformation:stack", "environment": "aws://1/eu-west-1",
            "properties": { "templateFile": file, "stackName": name } })
    };
    let manifest = json!({ "version": "36.0.0", "artifacts": {
        "Tree": { "type": "cdk:tree" },
        "FrontStack": stack("Front.template.json", "FrontStack"),
        "assembly-Prod": { "type": "cdk:cloud-assembly", "properties": { "directoryName": "assembly-Prod" } },
    } });
    write(&out.join("manifest.json"), &manifest.to_string());
    let front = FRONT.replace(
        "  Lb:\n",
        "  Lb:\n    Metadata: { 'aws:cdk:path': FrontStack/Web/LB/Resource }\n",
    );
    write(&out.join("Front.template.json"), &front);
    let inner = json!({ "version": "36.0.0", "artifacts": { "Svc": stack("Svc.template.json", "Prod-Svc") } });
    write(&out.join("assembly-Prod/manifest.json"), &inner.to_string());
    let service = SERVICE.replace("GROUP", "!ImportValue front-group");
    write(&out.join("assembly-Prod/Svc.template.json"), &service);
    let short = ["--template", "cdk.out", "--parameter", "Idle=26"];
    let (run, document) = check(&directory, &short);
    let way = "FrontStack/Web/LB → FrontStack/Tg → Prod-Svc/Svc";
    assert_eq!(document["subjects"], json!([way]), "{run}");
    let place = &document["findings"][0]["settings"][0]["places"];
    assert!(place.to_string().contains("cdk.out/"), "{run}");

    write(&out.join("manifest.json"), "{}");
    let (run, _) = check(&directory, &["--template", "cdk.out"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("no manifest of CDK"), "{run}");
}
