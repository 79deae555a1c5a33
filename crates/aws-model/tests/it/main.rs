//! A template's resources as a model: what is stated, what is not, and what only AWS knows.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aws_model::{Attributes, Does, Field, Matches, Model, NotSeen, Peer, Scaling, live_place};
use cloudformation::template::{Inputs, Template};

/// The model of a template with these resources.
fn model(resources: &str) -> Model {
    let text = format!("Resources:\n{resources}");
    let template = Template::parse("template.yaml", &text).expect("a template");
    let rendered = template
        .render(&Inputs::default())
        .expect("a rendered template");
    Model::from(&rendered)
}

fn is_not_seen<T>(field: &Field<T>) -> bool {
    matches!(field, Field::NotSeen(_))
}

#[test]
fn an_attribute_is_stated_or_not_or_not_seen() {
    let balancer = |attributes: &str| {
        let resource = "  LB:\n    Type: AWS::ElasticLoadBalancingV2::LoadBalancer";
        let properties = format!("    Properties: {{ LoadBalancerAttributes: {attributes} }}");
        let mut model = model(&format!("{resource}\n{properties}\n"));
        model.load_balancers.remove(0).idle_timeout
    };
    let key = "Key: idle_timeout.timeout_seconds";
    let stated = balancer(&format!("[{{ {key}, Value: 310 }}]"));
    assert_eq!(stated.value(), Some(&Duration::from_secs(310)));
    let place = stated.place().expect("a place").to_string();
    assert!(place.starts_with("template.yaml:4:"), "{place}");

    assert!(balancer("[]").is_not_stated());
    let malformed = balancer(&format!("[{{ {key}, Value: long }}]"));
    assert!(matches!(malformed, Field::NotSeen(NotSeen::Malformed(text, _)) if text == "long"));
    for unknown in [
        format!("[{{ {key}, Value: !ImportValue idle }}]"),
        // Any of these may be about the idle timeout.
        "!ImportValue attributes".to_owned(),
        "[!ImportValue attribute]".to_owned(),
        "[{ Key: !ImportValue key, Value: 60 }]".to_owned(),
    ] {
        assert!(is_not_seen(&balancer(&unknown)), "{unknown}");
    }
}

#[test]
fn what_awss_answer_leaves_out_is_not_seen() {
    let attributes = Attributes::live([(Some("a"), Some("1"))], &live_place("arn:aws:x"));
    let stated = attributes.get::<u64>("a");
    assert_eq!(stated.value(), Some(&1));
    assert_eq!(stated.place(), Some(&live_place("arn:aws:x")));
    assert!(is_not_seen(&attributes.get::<u64>("b")));
}

#[test]
fn stickiness_has_a_duration_of_its_own_type() {
    let duration = |attributes: &str| {
        let resource = "  Group:\n    Type: AWS::ElasticLoadBalancingV2::TargetGroup";
        let properties = format!("    Properties: {{ TargetGroupAttributes: [{attributes}] }}");
        let model = model(&format!("{resource}\n{properties}\n"));
        model.target_groups[0].stickiness.duration()
    };
    let on = "{ Key: stickiness.enabled, Value: true }";
    let by_app = "{ Key: stickiness.type, Value: app_cookie }";
    let lasts = |kind: &str, seconds: u64| {
        format!("{{ Key: stickiness.{kind}_cookie.duration_seconds, Value: {seconds} }}")
    };
    let seconds = |seconds| Some(Some(Duration::from_secs(seconds)));
    assert_eq!(duration(on).value().copied(), seconds(86_400));
    let both = format!("{on}, {}, {}", lasts("lb", 60), lasts("app", 90));
    assert_eq!(duration(&both).value().copied(), seconds(60));
    let both = format!("{both}, {by_app}");
    assert_eq!(duration(&both).value().copied(), seconds(90));
    let off = duration("{ Key: stickiness.enabled, Value: false }");
    assert_eq!(off.value(), Some(&None));
    assert!(duration(by_app).is_not_stated());
    assert!(is_not_seen(&duration(
        "{ Key: stickiness.enabled, Value: !ImportValue on }"
    )));
}

const WAY: &str = "
  LB: { Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer' }
  Blue: { Type: 'AWS::ElasticLoadBalancingV2::TargetGroup' }
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref LB
      DefaultActions:
        - Type: forward
          ForwardConfig:
            TargetGroups:
              - { TargetGroupArn: !Ref Blue, Weight: 0 }
              - { TargetGroupArn: 'arn:aws:elasticloadbalancing:other', Weight: 1 }
  Rule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref Listener
      Conditions: [{ Field: path-pattern, Values: [/ws/*, !ImportValue path] }]
      Actions: [{ Type: forward, TargetGroupArn: !Ref Blue }]
  Tasks: { Type: AWS::ECS::TaskDefinition }
  Service:
    Type: AWS::ECS::Service
    DependsOn: Rule
    Properties: { TaskDefinition: !Ref Tasks, ServiceName: drops }
  Scaling:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties: { ResourceId: service/cluster/drops, MaxCapacity: 6 }
";

#[test]
fn references_lead_to_resources_of_the_template() {
    let model = model(WAY);
    let (listener, rule) = (&model.listeners[0], &model.rules[0]);
    assert_eq!(listener.load_balancer.as_str(), Some("LB"));
    let Does::Forward(forward) = &listener.actions.items()[0].does else {
        unreachable!("{listener:?}")
    };
    assert!(
        is_not_seen(&forward.groups[1].group),
        "an ARN of another stack"
    );
    // A group without weight gets no request.
    assert!(!listener.actions.items()[0].leads_to("Blue"));
    assert!(rule.actions.items()[0].leads_to("Blue"));
    let found = model.listener(&rule.listener).expect("the rule's listener");
    assert_eq!(found.id, "Listener");
    let Matches::Path(patterns) = &rule.conditions[0].matches else {
        unreachable!("{rule:?}")
    };
    assert_eq!(patterns[0].as_str(), Some("/ws/*"));
    assert!(is_not_seen(&patterns[1]));
}

#[test]
fn a_service_comes_after_what_it_needs_directly_or_not() {
    let model = model(WAY);
    let service = &model.services[0];
    let mut after = service.created_after.clone();
    after.sort();
    assert_eq!(after, ["Blue", "LB", "Listener", "Rule", "Tasks"]);
    assert_eq!(
        model.task_definition(service).expect("its tasks").id,
        "Tasks"
    );
}

#[test]
fn scaling_is_found_by_reference_or_by_the_services_whole_name() {
    let scaled = |id: &str| {
        let model = model(&WAY.replace("service/cluster/drops", id));
        match model.scaling(&model.services[0]) {
            Scaling::By(target) => target.max_capacity.value().copied(),
            Scaling::None | Scaling::Perhaps(_) => None,
        }
    };
    assert_eq!(scaled("service/cluster/drops"), Some(6));
    assert_eq!(scaled("!Sub 'service/cluster/${Service.Name}'"), Some(6));
    assert_eq!(scaled("service/cluster/raindrops"), None);
}

#[test]
fn a_security_group_has_the_rules_of_resources_of_their_own() {
    let model = model(
        "
  Tasks:
    Type: AWS::EC2::SecurityGroup
    Properties: { SecurityGroupEgress: !ImportValue rules }
  LB: { Type: 'AWS::EC2::SecurityGroup' }
  In:
    Type: AWS::EC2::SecurityGroupIngress
    Properties:
      { GroupId: !Ref Tasks, SourceSecurityGroupId: !Ref LB, IpProtocol: tcp,
        FromPort: 1, ToPort: 2 }
",
    );
    let tasks = &model.security_groups[0];
    let rules = tasks.ingress.as_ref().expect("known rules");
    assert_eq!(rules[0].peer, Peer::Group(Some("LB".to_owned())));
    assert_eq!(tasks.egress, None, "rules that only AWS knows");
    assert_eq!(model.security_groups[1].ingress.as_deref(), Some(&[][..]));
}

#[test]
fn a_container_says_what_its_server_is_told() {
    let model = model(
        "
  Store: { Type: 'AWS::ElastiCache::ReplicationGroup' }
  Tasks:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Cpu: 1 vCPU
      ContainerDefinitions:
        - Name: app
          Environment:
            - { Name: STORE, Value: !Sub 'rediss://${Store.PrimaryEndPoint.Address}:6379' }
            - !ImportValue variable
          PortMappings: [{ ContainerPort: 8080 }, { ContainerPort: !ImportValue port }]
          Ulimits: [{ Name: nofile, SoftLimit: 20000, HardLimit: 20000 }]
",
    );
    let definition = &model.task_definitions[0];
    assert_eq!(definition.cpu.value(), Some(&1024));
    assert!(definition.memory.is_not_stated());
    let container = &definition.containers.items()[0];
    let store = container.variable("STORE").expect("it has one");
    assert!(is_not_seen(&store.value));
    let beginning = store.beginning.as_deref().expect("it is written");
    assert!(beginning.starts_with("rediss://"), "{beginning}");
    assert_eq!(store.refers_to, ["Store"]);
    assert!(is_not_seen(&container.environment.items()[1].name));
    assert!(is_not_seen(&container.ports), "one port is not known");
    assert_eq!(container.nofile.value(), Some(&20_000));
}
