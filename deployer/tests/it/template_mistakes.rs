//! Every mistake that a template can hold has its message here, as the user sees it.

use super::{deployer, directory, write};

fn said_of(test: &str, text: &str, args: &[&str]) -> String {
    let directory = directory(&format!("template-{test}"));
    write(&directory.join("template.yaml"), text);
    let run = deployer(
        &directory,
        &[&["render", "--template", "template.yaml"], args].concat(),
    );
    assert_eq!(
        run.stdout, "",
        "nothing is rendered where something is wrong"
    );
    run.to_string()
}

/// What `render` says of a template with one resource whose property is `value`.
fn said(test: &str, value: &str) -> String {
    let text = format!(
        "Parameters:\n  P: {{ Type: String, Default: a }}\nMappings:\n  M: {{ a: {{ x: 1 }} \
         }}\nConditions:\n  Never: !Equals [a, b]\nResources:\n  Gone: {{ Type: \
         'AWS::SNS::Topic', Condition: Never }}\n  R:\n    Type: AWS::SNS::Topic\n    Properties:\n      V: {value}\n"
    );
    said_of(test, &text, &[])
}

#[test]
fn functions_and_their_arguments() {
    for (test, value) in [
        ("unknown_tag", "!Selct [0, [a]]"),
        ("unknown_long_name", "{ 'Fn::Jion': [a, [b]] }"),
        ("not_alone", "{ 'Fn::Sub': a, Other: b }"),
        ("ref_nothing", "!Ref Parm"),
        ("ref_pseudo", "!Ref AWS::Regoin"),
        ("ref_gone", "!Ref Gone"),
        ("ref_list", "!Ref [P]"),
        ("get_att_gone", "!GetAtt Gone.TopicName"),
        ("get_att_nothing", "!GetAtt Rr.TopicName"),
        ("get_att_form", "!GetAtt R"),
        ("sub_nothing", "!Sub 'x-${Q}'"),
        ("sub_attribute_of_nothing", "!Sub 'x-${Q.Arn}'"),
        ("sub_form", "!Sub [a]"),
        ("if_nothing", "!If [Nevr, 1, 2]"),
        ("if_form", "!If [Never, 1]"),
        ("join_form", "!Join [a]"),
        ("join_map", "!Join ['', [{ a: b }]]"),
        ("select_beyond", "!Select [2, [a, b]]"),
        ("split_form", "!Split ['', text]"),
        ("find_in_map_nothing", "!FindInMap [N, a, x]"),
        ("find_in_map_first", "!FindInMap [M, b, x]"),
        ("find_in_map_second", "!FindInMap [M, !Ref P, y]"),
        ("find_in_map_form", "!FindInMap [M]"),
        ("cidr_room", "!Cidr [10.0.0.0/24, 4, 8]"),
        ("cidr_form", "!Cidr [10.0.0.0/24, none, 8]"),
        ("condition_here", "!Equals [a, b]"),
        ("cycle_with_itself", "!Ref R"),
    ] {
        insta::assert_snapshot!(test, said(test, value));
    }
}

#[test]
fn conditions() {
    let template = |conditions: &str| {
        format!("Conditions:\n{conditions}\nResources:\n  R: {{ Type: 'AWS::SNS::Topic' }}\n")
    };
    for (test, conditions) in [
        (
            "condition_cycle",
            "  A: !Not [!Condition B]\n  B: !And [!Condition C, !Condition C]\n  C: !Condition A",
        ),
        (
            "condition_nothing",
            "  A: !Condition Bee\n  Bees: !Equals [a, a]",
        ),
        ("condition_of_resource", "  A: !Equals [!Ref R, a]"),
        ("condition_text", "  A: yes please"),
        (
            "condition_forms",
            "  A: !And [!Equals [a, a]]\n  B: !Not []\n  C: !Equals [a]\n  D: !Or x\n  E: \
             !Condition [x]",
        ),
    ] {
        insta::assert_snapshot!(test, said_of(test, &template(conditions), &[]));
    }
}

#[test]
fn resources_and_sections() {
    for (test, text) in [
        ("no_resources", "Parameters: {}\n"),
        ("section", "Resource: {}\nResources: {}\n"),
        ("section_form", "Resources: []\n"),
        ("not_a_mapping", "[]\n"),
        ("empty", ""),
        (
            "resource_form",
            "Resources:\n  A: text\n  B: { Propertes: {} }\n  C: { Type: 'AWS::SNS::Topic', \
             DependsOn: D }\n",
        ),
        (
            "resource_condition",
            "Resources:\n  A: { Type: 'AWS::SNS::Topic', Condition: Missing }\n",
        ),
        (
            "for_each",
            "Resources:\n  Fn::ForEach::Topics: [N, [a], {}]\n",
        ),
        (
            "output_form",
            "Resources: {}\nOutputs:\n  O: { Description: none }\n",
        ),
        (
            "parameter_form",
            "Parameters:\n  P: { Defalt: a }\nResources: {}\n",
        ),
        (
            "resource_cycle",
            "Resources:
  A: { Type: 'AWS::EC2::SecurityGroup', Properties: { X: !Ref B } }
  B: { Type: 'AWS::EC2::SecurityGroup', Properties: { X: !Sub 'to ${C.GroupId}' } }
  C: { Type: 'AWS::EC2::SecurityGroup', DependsOn: [A] }
",
        ),
        (
            "json",
            "{ \"Resources\": { \"A\": { \"Type\": \"AWS::SNS::Topic\", \"Properties\": { \"X\": \
             { \"Ref\": \"B\" } } } } }",
        ),
        ("json_syntax", "{ \"Resources\": { \"A\": }"),
    ] {
        insta::assert_snapshot!(test, said_of(test, text, &[]));
    }
}

#[test]
fn parameters() {
    let text = "Parameters:
  Size: { Type: Number, MinValue: 1, MaxValue: 10, Default: 4 }
  Word: { Type: String, AllowedPattern: '[a-z]+', Default: a, ConstraintDescription: small letters alone }
  Long: { Type: String, MinLength: 2, MaxLength: 4, Default: abc }
  Kind: { Type: String, AllowedValues: [x, y], Default: x }
  Numbers: { Type: List<Number>, Default: '1,2' }
Resources: { A: { Type: 'AWS::SNS::Topic' } }
";
    for (test, parameter) in [
        ("number", "Size=big"),
        ("number_low", "Size=0"),
        ("number_high", "Size=11"),
        ("pattern", "Word=A1"),
        ("length_low", "Long=a"),
        ("length_high", "Long=abcde"),
        ("allowed", "Kind=z"),
        ("list_item", "Numbers=1,x"),
        ("unknown", "Sise=1"),
    ] {
        insta::assert_snapshot!(
            format!("parameter_{test}"),
            said_of(test, text, &["--parameter", parameter])
        );
    }
    let default = text.replace("Default: 4", "Default: 40");
    insta::assert_snapshot!("parameter_default", said_of("default", &default, &[]));
    insta::assert_snapshot!(
        "parameter_usage",
        said_of("usage", text, &["--parameter", "Size"])
    );
}

#[test]
fn what_would_eat_the_machine_is_refused_in_no_time() {
    let deep = format!("Resources: {}1{}", "[".repeat(5000), "]".repeat(5000));
    insta::assert_snapshot!("deep_flow", said_of("deep-flow", &deep, &[]));
    let deep: String = (0..300)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    insta::assert_snapshot!("deep_block", said_of("deep-block", &deep, &[]));
    let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nResources: *c\n";
    insta::assert_snapshot!("laughs", said_of("laughs", laughs, &[]));
    let long = format!("# {}\nResources: {{}}\n", "x".repeat(2 << 20));
    insta::assert_snapshot!("too_long", said_of("too-long", &long, &[]));
    let value = "x".repeat(4000);
    let grown = format!(
        "Parameters: {{ P: {{ Type: String, Default: {value} }} }}\nResources: {{ A: {{ Type: \
         'AWS::SNS::Topic', Properties: {{ V: !Sub '{}' }} }} }}\n",
        "${P}".repeat(5000)
    );
    let said = said_of("grown", &grown, &[]);
    assert!(said.contains("exceeds 16777216 bytes"), "{said}");
}
