//! Templates of which `check` must not say more than it has read, and must not refuse what AWS
//! takes: one of a kind each.

mod deployments;

use serde_json::Value;

use crate::{Run, directory, write};

/// A sound service behind a balancer, written anew for each case by changing one piece of it.
pub(crate) const BASE: &str = include_str!("templates/plain.yaml");

pub(crate) const SERVER: [&str; 10] = [
    "--ping-interval",
    "25s",
    "--ping-timeout",
    "20s",
    "--keep-alive",
    "75s",
    "--transports",
    "polling,websocket",
    "--path",
    "/socket.io",
];

/// What `check` made of a template.
pub(crate) struct Checked {
    pub(crate) run: Run,
    pub(crate) document: Value,
}

impl Checked {
    pub(crate) fn rules(&self, key: &str) -> Vec<&str> {
        let items = self.document[key].as_array().map(Vec::as_slice);
        let names = items.unwrap_or_default().iter();
        names.filter_map(|item| item["rule"].as_str()).collect()
    }

    pub(crate) fn errors(&self) -> Vec<&str> {
        let findings = self.document["findings"].as_array().map(Vec::as_slice);
        let findings = findings.unwrap_or_default().iter();
        let errors = findings.filter(|finding| finding["level"] == "error");
        errors
            .filter_map(|finding| finding["rule"].as_str())
            .collect()
    }

    /// Why a rule was not seen.
    pub(crate) fn reason(&self, rule: &str) -> String {
        let items = self.document["not_seen"].as_array().expect("a list");
        let item = items.iter().find(|item| item["rule"] == rule);
        item.map_or_else(String::new, |item| item["settings"].to_string())
    }
}

pub(crate) fn check(test: &str, template: &str, more: &[&str]) -> Checked {
    let directory = directory(&format!("kinds-{test}"));
    write(&directory.join("template.yaml"), template);
    let base = ["check", "--template", "template.yaml", "--format", "json"];
    let run = crate::deployer(&directory, &[&base, more].concat());
    let document = serde_json::from_str(&run.stdout).unwrap_or(Value::Null);
    Checked { run, document }
}

/// The base with some pieces changed; each must be there once.
pub(crate) fn with(changes: &[(&str, &str)]) -> String {
    let mut text = BASE.to_owned();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "`{from}`");
        text = text.replace(from, to);
    }
    text
}

pub(crate) const IDLE: &str = "{ Key: idle_timeout.timeout_seconds, Value: \"60\" }";
const STICKY: &str = "{ Key: stickiness.enabled, Value: \"true\" }";
const NOT_STICKY: &str = "{ Key: stickiness.enabled, Value: \"false\" }";
const ATTRIBUTES: &str = "      LoadBalancerAttributes:\n        - \
    { Key: idle_timeout.timeout_seconds, Value: \"60\" }\n";

fn scaled(resource: &str) -> String {
    let scaler = format!(
        "Resources:\n  Scaler:\n    Type: AWS::ApplicationAutoScaling::ScalableTarget\n    \
         Properties: {{ MinCapacity: 1, MaxCapacity: 4, ResourceId: {resource}, ServiceNamespace: \
         ecs, ScalableDimension: 'ecs:service:DesiredCount' }}\n"
    );
    with(&[
        ("Resources:\n", &scaler),
        (STICKY, NOT_STICKY),
        (
            "DesiredCount: 2",
            "ServiceName: chat\n      DesiredCount: 1",
        ),
        ("MaximumPercent: 200", "MaximumPercent: 100"),
        ("MinimumHealthyPercent: 100", "MinimumHealthyPercent: 0"),
    ])
}

const SCALING_RULES: [&str; 3] = [
    "desired-count-with-autoscaling",
    "many-tasks-without-shared-store",
    "polling-without-stickiness",
];

#[test]
fn a_scalable_target_is_tied_to_its_service_by_name() {
    for (number, resource) in [
        "!Sub 'service/${Cluster}/chat'",
        "!Join ['/', [service, !Ref Cluster, chat]]",
        "service/main/chat",
        "!Sub 'service/${Cluster}/${Svc.Name}'",
        "!Sub ['service/${C}/chat', { C: !Ref Cluster }]",
    ]
    .into_iter()
    .enumerate()
    {
        let store = ["--store", "memory"];
        let checked = check(
            &format!("scaled-{number}"),
            &scaled(resource),
            &[&SERVER[..], &store].concat(),
        );
        assert_eq!(
            checked.errors(),
            SCALING_RULES,
            "{resource}\n{}",
            checked.run
        );
    }
}

/// What cannot be tied to one service may concern each.
#[test]
fn a_scalable_target_that_cannot_be_tied_is_not_seen() {
    for (number, resource) in [
        "!ImportValue scaled",
        "!Sub 'service/${Cluster}/${Name}'",
        "!Join ['/', [service, !ImportValue cluster, !ImportValue name]]",
    ]
    .into_iter()
    .enumerate()
    {
        let template =
            scaled(resource).replace("Parameters:\n", "Parameters:\n  Name: { Type: String }\n");
        let store = ["--store", "memory"];
        let checked = check(
            &format!("perhaps-{number}"),
            &template,
            &[&SERVER[..], &store].concat(),
        );
        let not_seen = checked.rules("not_seen");
        for rule in SCALING_RULES {
            assert!(
                not_seen.contains(&rule),
                "{resource}: {rule}\n{}",
                checked.run
            );
        }
    }
    let other = check("other", &scaled("service/main/another"), &SERVER);
    assert_eq!(other.errors(), [""; 0], "another service is scaled");
}

pub(crate) const IDLE_RULES: [&str; 2] = [
    "idle-timeout-not-above-ping-interval",
    "keep-alive-not-above-idle-timeout",
];

/// A macro may set what a mapping does not state.
#[test]
fn what_a_macro_may_set_is_not_seen() {
    let include =
        "Fn::Transform: { Name: AWS::Include, Parameters: { Location: 's3://b/x.yaml' } }";
    for (name, template) in [
        (
            "properties",
            with(&[(ATTRIBUTES, &format!("      {include}\n"))]),
        ),
        (
            "resource",
            with(&[
                (ATTRIBUTES, ""),
                ("  Lb:\n", &format!("  Lb:\n    {include}\n")),
            ]),
        ),
        ("item", with(&[(IDLE, &format!("{{ {include} }}"))])),
        (
            "list",
            with(&[(
                ATTRIBUTES,
                &format!("      LoadBalancerAttributes: {{ {include} }}\n"),
            )]),
        ),
        (
            "template",
            with(&[
                (ATTRIBUTES, ""),
                ("Parameters:\n", "Transform: MyMacro\nParameters:\n"),
            ]),
        ),
        (
            "key",
            with(&[(IDLE, "{ Key: !ImportValue key, Value: \"20\" }")]),
        ),
    ] {
        let checked = check(&format!("macro-{name}"), &template, &SERVER);
        let not_seen = checked.rules("not_seen");
        for rule in IDLE_RULES {
            assert!(not_seen.contains(&rule), "{name}: {rule}\n{}", checked.run);
        }
        assert_eq!(checked.run.code, 0, "{name}: {}", checked.run);
    }
}

/// A function in the place of a whole mapping hides all of it.
#[test]
fn what_a_condition_may_set_is_not_seen() {
    let template = with(&[
        (
            "Parameters:\n",
            "Conditions:\n  Fast: !Equals [!Ref Speed, fast]\nParameters:\n  Speed: { Type: \
             String }\n",
        ),
        (
            "DeploymentConfiguration: { MaximumPercent: 200, MinimumHealthyPercent: 100,",
            "DeploymentConfiguration: !If\n        - Fast\n        - !Ref AWS::NoValue\n        \
             - { MaximumPercent: 100, MinimumHealthyPercent: 100,",
        ),
    ]);
    let checked = check("condition", &template, &SERVER);
    assert!(
        checked
            .rules("not_seen")
            .contains(&"deployment-cannot-progress"),
        "{}",
        checked.run
    );
    let reason = checked.reason("deployment-cannot-progress");
    assert!(
        reason.contains("parameter Speed has no value (--parameter Speed=…)"),
        "{reason}"
    );
    let slow = check(
        "condition-known",
        &template,
        &[&SERVER[..], &["--parameter", "Speed=slow"]].concat(),
    );
    assert_eq!(
        slow.errors(),
        ["deployment-cannot-progress"],
        "{}",
        slow.run
    );
}

#[test]
fn a_loop_is_written_out_wherever_it_may_stand() {
    let each = "      Fn::ForEach::Part:\n        - Name\n        - [LoadBalancerAttributes]\n        \
                - ${Name}: [{ Key: idle_timeout.timeout_seconds, Value: \"20\" }]\n";
    let header = (
        "Parameters:\n",
        "Transform: AWS::LanguageExtensions\nParameters:\n",
    );
    let checked = check("loop", &with(&[header, (ATTRIBUTES, each)]), &SERVER);
    assert_eq!(
        checked.errors(),
        ["idle-timeout-not-above-ping-interval"],
        "{}",
        checked.run
    );

    let hidden = each.replace("[LoadBalancerAttributes]", "!Ref Names");
    let header = (
        header.0,
        "Transform: AWS::LanguageExtensions\nParameters:\n  Names: { Type: CommaDelimitedList }\n",
    );
    let template = with(&[header, (ATTRIBUTES, &hidden)]);
    let checked = check("loop-hidden", &template, &SERVER);
    assert!(
        checked.rules("not_seen").contains(&IDLE_RULES[0]),
        "{}",
        checked.run
    );
    let given = ["--parameter", "Names=LoadBalancerAttributes"];
    let checked = check("loop-given", &template, &[&SERVER[..], &given].concat());
    assert_eq!(
        checked.errors(),
        ["idle-timeout-not-above-ping-interval"],
        "{}",
        checked.run
    );
}

#[test]
fn a_resource_that_may_not_exist_is_neither_wrong_nor_fine() {
    let template = with(&[
        (
            "Parameters:\n",
            "Conditions:\n  Wanted: !Equals [!Ref Want, yes]\nParameters:\n  Want: { Type: String \
             }\n",
        ),
        ("  Lb:\n", "  Lb:\n    Condition: Wanted\n"),
        (IDLE, "{ Key: idle_timeout.timeout_seconds, Value: \"20\" }"),
    ]);
    let checked = check("may-not-exist", &template, &SERVER);
    assert_eq!(checked.run.code, 0, "{}", checked.run);
    assert!(
        checked.rules("not_seen").contains(&IDLE_RULES[0]),
        "{}",
        checked.run
    );
    let reason = checked.reason(IDLE_RULES[0]);
    assert!(reason.contains("--parameter Want=…"), "{reason}");
}

#[test]
fn subnets_of_one_zone_are_one_zone() {
    let subnets = |one: &str, two: &str| {
        let subnet = |name: &str, zone: &str| {
            format!(
                "  {name}: {{ Type: 'AWS::EC2::Subnet', Properties: {{ VpcId: v, AvailabilityZone: \
                 {zone} }} }}\n"
            )
        };
        let resources = format!("Resources:\n{}{}", subnet("A", one), subnet("B", two));
        with(&[
            ("Resources:\n", &resources),
            (
                "Subnets: [subnet-a, subnet-b]\n      LoadB",
                "Subnets: [!Ref A, !Ref B]\n      LoadB",
            ),
        ])
    };
    let first = "!Select [0, !GetAZs '']";
    for (name, one, two, errors) in [
        ("same", "eu-west-1a", "eu-west-1a", 1),
        ("same-function", first, first, 1),
        ("two", "eu-west-1a", "eu-west-1b", 0),
        ("two-functions", first, "!Select [1, !GetAZs '']", 0),
    ] {
        let checked = check(&format!("zones-{name}"), &subnets(one, two), &SERVER);
        assert_eq!(checked.errors().len(), errors, "{name}: {}", checked.run);
    }
}
