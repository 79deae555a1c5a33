//! What each function comes out as, known or symbolic, and where each value came from.

use cloudformation::node::{Leaf, Node, Value, yaml};
use cloudformation::template::{Inputs, Rendered, Template, Truth};
use deployer::environment::load;
use deployer::render::{render, service_template};

use super::project;

const HEAD: &str = "\
Parameters:
  Stage: { Type: String, Default: prod }
  Names: { Type: CommaDelimitedList, Default: 'a, b,c' }
  None: { Type: CommaDelimitedList, Default: '' }
  Count: { Type: Number, Default: 3 }
  Account: { Type: String, Default: 012345678901 }
  Secret: { Type: String, NoEcho: true, Default: hush }
  Looked: { Type: 'AWS::SSM::Parameter::Value<String>', Default: /a/b }
  Open: { Type: String }
Mappings:
  M: { prod: { Days: 30, Zones: [x, y] } }
Conditions:
  Is: !Equals [!Ref Stage, prod]
  Isnt: !Not [!Condition Is]
  Maybe: !Equals [!Ref AWS::AccountId, '1']
  Hushed: !Equals [!Ref Secret, hush]
  OpenToo: !Equals [!Ref Open, x]
Resources:
  Other: { Type: AWS::SNS::Topic }
  R:
    Type: AWS::SNS::Topic
    Properties:
";

/// A template whose resource `R` has one property.
fn rendered(value: &str) -> Rendered {
    let template =
        Template::parse("t.yaml", format!("{HEAD}      V: {value}\n")).expect("it is right");
    template.render(&Inputs::default()).expect("it renders")
}

/// The property as YAML; nothing where it is gone.
fn value(text: &str) -> String {
    let rendered = rendered(text);
    rendered.resources["R"]
        .properties
        .get("V")
        .map(|node| yaml(node).trim().to_owned())
        .unwrap_or_default()
}

#[test]
fn what_is_known_is_filled_in() {
    for (expression, expected) in [
        ("!Ref Stage", "prod"),
        ("!Ref Count", "3"),
        ("!Ref Account", "\"012345678901\""),
        ("!Ref Names", "- a\n- b\n- c"),
        ("!Ref None", "- \"\""),
        ("{ Ref: Stage }", "prod"),
        (
            "!Sub '${Stage}-${Count} ${!Stage} $ {} ${'",
            "prod-3 ${Stage} $ {} ${",
        ),
        ("!Sub ['${A}${Stage}', { A: !Ref Count }]", "\"3prod\""),
        ("!Sub '[${AWS::NoValue}]'", "\"[]\""),
        ("{ 'Fn::Sub': '${Stage}' }", "prod"),
        ("!Join ['', [a, !Ref Stage]]", "aprod"),
        ("!Join [',', !Ref Names]", "\"a,b,c\""),
        ("!Join [',', [a, !Ref AWS::NoValue, b]]", "\"a,b\""),
        ("!Select [1, !Ref Names]", "b"),
        ("!Select ['0', [a, b]]", "a"),
        ("!Select [0, [a, !GetAtt Other.TopicName]]", "a"),
        ("!Split ['.', a.b]", "- a\n- b"),
        ("!FindInMap [M, !Ref Stage, Days]", "30"),
        ("!Select [1, !FindInMap [M, prod, Zones]]", "\"y\""),
        ("!FindInMap [M, dev, Days, { DefaultValue: 7 }]", "7"),
        ("!If [Is, 1, 2]", "1"),
        ("!If [Isnt, 1, 2]", "2"),
        ("!If [Isnt, 1, !Ref AWS::NoValue]", ""),
        ("!If [Hushed, 1, 2]", "1"),
        ("[!If [Isnt, a, !Ref AWS::NoValue], b]", "- b"),
        ("{ a: !If [Isnt, a, !Ref AWS::NoValue], b: c }", "b: c"),
        ("!Base64 text", "dGV4dA=="),
        ("!Length [a, b]", "2"),
        (
            "!ToJsonString { a: !Ref Count, b: [c] }",
            r#""{\"a\":3,\"b\":[\"c\"]}""#,
        ),
        (
            "!Cidr [10.0.0.0/16, 2, 8]",
            "- \"10.0.0.0/24\"\n- \"10.0.1.0/24\"",
        ),
        ("yes", "true"),
        ("'yes'", "\"yes\""),
        ("0o17", "\"0o17\""),
        ("1.10", "1.10"),
        ("2012-10-17", "\"2012-10-17\""),
        ("|\n        two\n        lines", r#""two\nlines\n""#),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn what_only_aws_knows_stays_and_is_never_guessed() {
    for (expression, expected) in [
        ("!Ref Other", "!Ref Other"),
        (
            "{ 'Fn::GetAtt': [Other, TopicName] }",
            "!GetAtt Other.TopicName",
        ),
        ("!Ref AWS::AccountId", "!Ref AWS::AccountId"),
        ("!Ref Open", "!Ref Open"),
        ("!Ref Looked", "!Ref Looked"),
        ("!Ref Secret", "!Ref Secret"),
        (
            "!Sub '${Stage}-${Other}-${Other.TopicName}-${!x}'",
            "!Sub \"prod-${Other}-${Other.TopicName}-${!x}\"",
        ),
        (
            "!Sub ['${A}-${B}', { A: !Ref Stage, B: !Ref Other }]",
            "!Sub\n- prod-${B}\n- B: !Ref Other",
        ),
        (
            "!Join ['-', [!Ref Stage, !Ref Other]]",
            "!Join\n- \"-\"\n-\n  - prod\n  - !Ref Other",
        ),
        (
            "!Select [0, !GetAZs eu-west-1]",
            "!Select\n- 0\n- !GetAZs eu-west-1",
        ),
        ("!Select [1, [a, !Ref Other]]", "!Ref Other"),
        (
            "!If [Maybe, !Ref Stage, !Ref AWS::NoValue]",
            "!If\n- Maybe\n- prod\n- !Ref AWS::NoValue",
        ),
        ("!If [OpenToo, 1, 2]", "!If\n- OpenToo\n- 1\n- 2"),
        (
            "!ImportValue {'Fn::Sub': '${Stage}-vpc'}",
            "!ImportValue prod-vpc",
        ),
        ("!Base64 { Ref: Other }", "Fn::Base64: !Ref Other"),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
    let reference = rendered("'{{resolve:ssm:/a:1}}'");
    let node = reference.resources["R"]
        .properties
        .get("V")
        .expect("it is there");
    assert!(
        matches!(node.leaf(), Some(Leaf::Symbolic(_))) && node.as_text().is_none(),
        "a dynamic reference"
    );
}

#[test]
fn a_condition_holds_or_not_or_nobody_knows_yet() {
    let conditions = rendered("x").conditions;
    let truth = |name: &str| conditions[name];
    assert_eq!(
        [truth("Is"), truth("Isnt"), truth("Hushed")],
        [Truth::True, Truth::False, Truth::True]
    );
    assert_eq!(
        [truth("Maybe"), truth("OpenToo")],
        [Truth::Unknown, Truth::Unknown]
    );
    let template = |more: &str| {
        let text = format!(
            "Conditions:\n  U: !Equals [!Ref AWS::AccountId, '1']\n  T: !Equals [1, '1']\n  F: \
             !Equals [a, b]\n  C: {more}\nResources: {{}}\n"
        );
        let template = Template::parse("t.yaml", text).expect("it is right");
        template
            .render(&Inputs::default())
            .expect("it renders")
            .conditions["C"]
    };
    for (expression, expected) in [
        ("!And [!Condition U, !Condition F]", Truth::False),
        ("!And [!Condition U, !Condition T]", Truth::Unknown),
        ("!Or [!Condition U, !Condition T]", Truth::True),
        ("!Or [!Condition U, !Condition F]", Truth::Unknown),
        ("!Not [{ Condition: U }]", Truth::Unknown),
        (
            "!Equals [!Ref AWS::AccountId, !Ref AWS::AccountId]",
            Truth::True,
        ),
        ("!Equals [[a, b], [a, b]]", Truth::True),
        ("!Equals [true, 'true']", Truth::True),
    ] {
        assert_eq!(template(expression), expected, "{expression}");
    }
}

/// The places that an attribute's value came from, as the lines that stand there.
fn origin_of(rendered: &Rendered, kind: &str, list: &str, key: &str) -> Vec<String> {
    let resource = rendered.of_type(kind).next().expect("there is one");
    let attributes = resource
        .properties
        .get(list)
        .and_then(Node::as_list)
        .expect("a list");
    let attribute = attributes
        .iter()
        .find(|item| item.at("Key").and_then(Node::as_text) == Some(key));
    let value = attribute
        .and_then(|item| item.get("Value"))
        .expect("it has a value");
    let file = |place: &cloudformation::node::Place| {
        place
            .file()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    value
        .origin
        .places()
        .map(|place| format!("{}: {}", file(place), line(place)))
        .collect()
}

#[test]
fn a_leaf_leads_back_to_the_line_that_decided_it() {
    let path = project().join("environments/prod.yaml");
    let environment = load(&path, |_| ()).expect("it is accepted");
    let template = service_template().expect("it is accepted");
    let rendered = render(&template, "prod", &environment).expect("it renders");
    let balancer = "AWS::ElasticLoadBalancingV2::LoadBalancer";
    assert_eq!(
        origin_of(
            &rendered,
            balancer,
            "LoadBalancerAttributes",
            "idle_timeout.timeout_seconds"
        ),
        [
            "defaults.yaml: idle_timeout: 310s             # above ping_interval, ping_timeout \
             and their sum",
            "service.yaml (built in): - { Key: idle_timeout.timeout_seconds, Value: !Ref \
             IdleTimeout }",
        ]
    );
    // A value of the template's own that a condition chose leads to what decided the condition.
    let group = "AWS::ElasticLoadBalancingV2::TargetGroup";
    assert_eq!(
        origin_of(
            &rendered,
            group,
            "TargetGroupAttributes",
            "stickiness.enabled"
        ),
        [
            "defaults.yaml: stickiness: 1h                 # polling needs it as soon as two \
             tasks run; or off",
            r#"service.yaml (built in): - { Key: stickiness.enabled, Value: !If [IsSticky, "true", "false"] }"#,
        ]
    );
}

fn line(place: &cloudformation::node::Place) -> &str {
    place
        .source()
        .text
        .lines()
        .nth(place.line() - 1)
        .expect("the line is there")
        .trim()
}

#[test]
fn every_value_of_an_environment_reaches_the_template() {
    let path = project().join("environments/prod.yaml");
    let mut places = Vec::new();
    let environment = load(&path, |node| leaves(node, &mut places)).expect("it is accepted");
    let template = service_template().expect("it is accepted");
    let rendered = render(&template, "prod", &environment).expect("it renders");
    let mut used = Vec::new();
    for resource in rendered.resources.values() {
        leaves(&resource.properties, &mut used);
    }
    used.extend(
        rendered
            .outputs
            .values()
            .flat_map(|output| output.value.origin.places())
            .map(ToString::to_string),
    );
    assert!(
        places.len() > 45,
        "an environment says more than {} things",
        places.len()
    );
    let unused: Vec<_> = places
        .iter()
        .filter(|place| !used.contains(place))
        .collect();
    // Where it runs is no property of anything.
    let known = ["target: aws"];
    let said = |place: &&&String| {
        let line = place
            .rsplit(':')
            .nth(1)
            .and_then(|line| line.parse::<usize>().ok())
            .expect("it has a line");
        let file = place.rsplitn(3, ':').nth(2).expect("it has a file");
        let text = std::fs::read_to_string(file).expect("it is there");
        !known.iter().any(|known| {
            text.lines()
                .nth(line - 1)
                .is_some_and(|line| line.contains(known))
        })
    };
    assert_eq!(
        unused.iter().filter(said).collect::<Vec<_>>(),
        Vec::<&&String>::new(),
        "these reach nothing"
    );
}

/// Every place that a leaf came from.
fn leaves(node: &Node, places: &mut Vec<String>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| leaves(item, places)),
        Value::Map(map) => map.values().for_each(|entry| leaves(&entry.node, places)),
        Value::Scalar(_) | Value::Call(_) => {
            places.extend(node.origin.places().map(ToString::to_string));
        }
    }
}
